//! A requirements file of pip's: the recipe names it, and what in it cannot be obeyed is told.

use super::sketch::{Input, Noted, Sketch};
use crate::python::{PythonError, RequirementsTxt};

/// No file has more lines that cannot be obeyed.
const MOST: usize = 1000;

/// Sketches an image with what the file asks for.
pub(super) fn sketch(file: &str, text: &str) -> Sketch {
    let mut sketch = Sketch {
        name: "app".to_owned(),
        base: Noted::new("docker.io/library/python:3.12-slim-bookworm".to_owned(), 0),
        base_comment: Some("Any image with a Python will do.".to_owned()),
        ..Sketch::default()
    };
    sketch.common.file(Input::plain(file), 0);
    for (line, text, advice) in faults(text) {
        sketch.remark(line, &text, advice);
    }
    sketch
}

/// Every line that cannot be obeyed, with what to do about it.
pub(super) fn faults(text: &str) -> Vec<(usize, String, String)> {
    let mut rest = text.as_bytes().to_vec();
    let mut faults = Vec::new();
    for _ in 0..MOST {
        let current = String::from_utf8_lossy(&rest).into_owned();
        let Err(error) = RequirementsTxt::parse(&current) else { break };
        let PythonError::Place { span, .. } = &error else { break };
        let line = super::dockerfile::line_of(&current, span.start);
        faults.push((line, current[span.clone()].to_owned(), advice(&error)));
        // What is told is blotted out, and the rest read again.
        for byte in &mut rest[span.clone()] {
            *byte = if *byte == b'\n' { b'\n' } else { b' ' };
        }
    }
    faults
}

/// What to do about a line.
pub(super) fn advice(error: &PythonError) -> String {
    match error {
        PythonError::Place { reason, advice, .. } => match advice {
            Some(advice) => (*advice).to_owned(),
            None => reason.clone(),
        },
        other => other.to_string(),
    }
}
