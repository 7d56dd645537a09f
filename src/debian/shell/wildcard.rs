//! Patterns with `*`.

/// Which beginnings of `text`, by their number of letters, fit `pattern`, in which none stands for any letters.
pub(super) fn beginnings(pattern: &[Option<char>], text: &[char]) -> Vec<bool> {
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
    places
}
