//! Patterns with `*`.

/// Whether `text` fits `pattern`, in which none stands for any letters.
pub(super) fn matches(pattern: &[Option<char>], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // The places of the text that the pattern so far can have come to.
    let mut places = vec![false; text.len() + 1];
    places[0] = true;
    for letter in pattern {
        match letter {
            None => {
                let first = places.iter().position(|place| *place).unwrap_or(places.len());
                places[first..].fill(true);
            }
            Some(letter) => {
                for at in (0..places.len()).rev() {
                    places[at] = at > 0 && places[at - 1] && text[at - 1] == *letter;
                }
            }
        }
    }
    places[text.len()]
}
