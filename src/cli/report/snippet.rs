//! The recipe with its problems drawn into it.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::recipe::Problem;

/// Every problem with its place, the marked text and the way out.
pub(super) fn draw(file: &str, text: &str, problems: &[Problem], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let drawn: Vec<String> = problems
        .iter()
        .map(|problem| renderer.render(&[group(file, text, problem)]).trim_end().to_owned() + "\n")
        .collect();
    drawn.join("\n")
}

fn group<'a>(file: &'a str, text: &'a str, problem: &'a Problem) -> Group<'a> {
    let mark = AnnotationKind::Primary.span(inside(text, &problem.span));
    let mark = if problem.label.is_empty() { mark } else { mark.label(problem.label.as_str()) };
    let snippet = Snippet::source(text).path(file).annotation(mark);
    let group = Level::ERROR.primary_title(problem.message.as_str()).element(snippet);
    match &problem.hint {
        Some(hint) => group.element(Level::HELP.with_name("hint").message(hint.to_string())),
        None => group,
    }
}

/// `span` within the text and between characters.
fn inside(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    start..text.ceil_char_boundary(span.end.min(text.len())).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hint::Hint, recipe::ProblemKind};

    #[test]
    fn problems_are_drawn_into_the_text() {
        let text = "name = \"a\"\n\n[wheels]\nrequires = []\n";
        let problem = Problem::new(ProblemKind::UnknownKey, 21..29, "there is no key `wheels.requires`")
            .labelled("unknown key")
            .hinted(Hint::new("did you mean `require`?"));
        insta::assert_snapshot!(draw("app.toml", text, &[problem], false), @"
        error: there is no key `wheels.requires`
         --> app.toml:4:1
          |
        4 | requires = []
          | ^^^^^^^^ unknown key
          |
          = hint: did you mean `require`?
        ");
    }

    #[test]
    fn places_outside_the_text_are_drawn_at_its_edge() {
        for span in [0..0, 3..9, 9..12, 1..2] {
            let problem = Problem::new(ProblemKind::Syntax, span.clone(), "wrong");
            assert!(draw("a.toml", "é\n", &[problem], false).contains("a.toml:"), "{span:?}");
        }
    }
}
