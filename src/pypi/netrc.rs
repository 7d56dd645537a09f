//! The file in which many programs look up who they are on a host.

/// The entries of a `netrc` file, in its order. Its `Debug` shows no password.
///
/// [The .netrc file](https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Netrc {
    entries: Vec<Entry>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Entry {
    /// Nothing for `default`.
    host: Option<String>,
    login: String,
    password: Option<String>,
}

impl Netrc {
    /// Reads what can be understood; other programs own the file, and the rest is not ours to judge.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        let mut words = Words { rest: text };
        while let Some(word) = words.next() {
            match word.as_str() {
                "machine" => entries.push(Entry { host: words.next(), ..Entry::default() }),
                "default" => entries.push(Entry::default()),
                "macdef" => words.skip_macro(),
                "login" | "user" => set(&mut entries, words.next(), |entry, word| entry.login = word),
                "password" => set(&mut entries, words.next(), |entry, word| entry.password = Some(word)),
                "account" => drop(words.next()),
                comment if comment.starts_with('#') => words.skip_line(),
                _ => {}
            }
        }
        Self { entries }
    }

    /// Login and password for `host`: of its own entry, else of `default`; when `login` is known, of
    /// an entry that has the same.
    #[must_use]
    pub fn find(&self, host: &str, login: Option<&str>) -> Option<(&str, &str)> {
        let fits = |entry: &&Entry| login.is_none_or(|login| entry.login == login);
        let named = |entry: &&Entry| entry.host.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(host));
        let own = self.entries.iter().filter(named).find(fits);
        let entry = own.or_else(|| self.entries.iter().filter(|entry| entry.host.is_none()).find(fits))?;
        Some((&entry.login, entry.password.as_deref()?))
    }
}

impl std::fmt::Debug for Netrc {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hosts = self.entries.iter().map(|entry| entry.host.as_deref().unwrap_or("default"));
        formatter.debug_list().entries(hosts).finish()
    }
}

fn set(entries: &mut [Entry], word: Option<String>, put: fn(&mut Entry, String)) {
    if let (Some(entry), Some(word)) = (entries.last_mut(), word) {
        put(entry, word);
    }
}

struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    /// A word up to white space, or a quoted one; a backslash takes what follows as it is.
    fn next(&mut self) -> Option<String> {
        let text = self.rest.trim_start();
        let (quoted, text) = text.strip_prefix('"').map_or((false, text), |inside| (true, inside));
        let (mut word, mut letters) = (String::new(), text.char_indices());
        let mut end = text.len();
        while let Some((position, letter)) = letters.next() {
            match letter {
                '\\' => word.extend(letters.next().map(|(_, letter)| letter)),
                '"' if quoted => {
                    end = position + 1;
                    break;
                }
                letter if !quoted && letter.is_whitespace() => {
                    end = position;
                    break;
                }
                letter => word.push(letter),
            }
        }
        self.rest = &text[end..];
        (quoted || !word.is_empty()).then_some(word)
    }

    fn skip_line(&mut self) {
        self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
    }

    /// A macro ends at an empty line.
    fn skip_macro(&mut self) {
        loop {
            self.skip_line();
            let line = self.rest.split('\n').next().unwrap_or_default();
            if line.trim().is_empty() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_as_other_programs_find_them() {
        let text = "# machine no login no password no\nmachine a.example login u password p\\ 1\n\
                    machine B.example\n  user v\n  account x\n  password \"q \\\"2\\\"\"\n\
                    macdef init\n  machine c.example login w\n  quit\n\nmachine a.example login second password s\n\
                    machine half login only\nmachine hash login h password #x\ndefault login d password e\n";
        let netrc = Netrc::parse(text);
        let check = |host: &str, login: Option<&str>, expect: Option<(&str, &str)>| {
            assert_eq!(netrc.find(host, login), expect, "{host} {login:?}");
        };
        check("a.example", None, Some(("u", "p 1")));
        check("A.EXAMPLE", None, Some(("u", "p 1")));
        check("a.example", Some("second"), Some(("second", "s")));
        check("a.example", Some("third"), None);
        check("b.example", None, Some(("v", "q \"2\"")));
        check("c.example", None, Some(("d", "e")));
        check("half", None, None);
        check("hash", None, Some(("h", "#x")));
        check("other", Some("d"), Some(("d", "e")));
        assert_eq!(format!("{netrc:?}"), r#"["a.example", "B.example", "a.example", "half", "hash", "default"]"#);
    }

    #[test]
    fn nonsense_is_passed_over() {
        for text in ["", "login x password y", "machine", "machine a login", "\"", "macdef", "macdef x\n y", "\\"] {
            assert_eq!(Netrc::parse(text).find("a", None), None, "{text}");
        }
    }
}
