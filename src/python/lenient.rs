//! Repairs of version specifiers that were published wrong and that other installers understand.

/// `text` with the specifier part of a requirement mended; the name and the marker stay.
pub(super) fn requirement(text: &str) -> String {
    let (rest, marker) = match text.split_once(';') {
        Some((rest, marker)) => (rest, Some(marker)),
        None => (text, None),
    };
    let start = rest.find(['<', '>', '=', '!', '~']).unwrap_or(rest.len());
    let (name, versions) = rest.split_at(start);
    let name = name.trim_end().trim_end_matches('(');
    let mended = specifiers(versions.trim_end().trim_end_matches(')'));
    match marker {
        Some(marker) => format!("{name}{mended} ;{marker}"),
        None => format!("{name}{mended}"),
    }
}

/// `text`, a list of version specifiers, mended.
pub(super) fn specifiers(text: &str) -> String {
    let plain: String = text.chars().filter(|letter| !letter.is_whitespace() && !"'\"".contains(*letter)).collect();
    let pieces: Vec<String> = separated(&plain).split(',').filter(|piece| !piece.is_empty()).map(single).collect();
    pieces.join(",")
}

/// With a comma before every operator: `>=7.2.0<8.0.0` lacks one.
fn separated(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 4);
    let mut before = None;
    for letter in text.chars() {
        let operator = |letter: char| "<>=!~".contains(letter);
        if operator(letter) && before.is_some_and(|before: char| !operator(before) && before != ',') {
            result.push(',');
        }
        result.push(letter);
        before = Some(letter);
    }
    result
}

/// One specifier: `!=3.0*` lacks a dot, and only `==` and `!=` may end in `.*`.
fn single(text: &str) -> String {
    let dotted = match text.strip_suffix('*') {
        Some(start) if start.ends_with(|letter: char| letter.is_ascii_digit()) => format!("{start}.*"),
        _ => text.to_owned(),
    };
    let star_allowed = dotted.starts_with("==") || dotted.starts_with("!=");
    match dotted.strip_suffix(".*") {
        Some(start) if !star_allowed => start.to_owned(),
        _ => dotted,
    }
}
