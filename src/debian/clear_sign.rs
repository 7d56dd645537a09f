//! The armour of a file that is signed in clear text, such as `InRelease`.

use super::DebianError;

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// A file signed in clear text, taken apart and *not verified*.
///
/// [RFC 9580, section 7](https://www.rfc-editor.org/rfc/rfc9580#section-7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearSigned {
    /// The text, without dash escapes; each line ends with `\n`.
    pub text: String,
    /// The armoured signature, with its first and last line.
    pub signature: String,
}

impl ClearSigned {
    /// Takes `bytes` apart; `None` where they carry no armour at all.
    ///
    /// # Errors
    /// When there is text outside of the armour, which would be read without being signed, and when
    /// the armour has no end.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, DebianError> {
        let wrong = |reason| DebianError::ClearSign { reason };
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
        let mut lines = text.lines().map(str::trim_end).skip_while(|line| line.is_empty());
        match lines.next() {
            Some(BEGIN) => {}
            _ if text.contains(BEGIN) => return Err(wrong("text stands before the signed text")),
            _ => return Ok(None),
        }
        for header in lines.by_ref().take_while(|line| !line.is_empty()) {
            if !header.strip_prefix("Hash: ").is_some_and(are_checksums) {
                return Err(wrong("an unknown header stands before the signed text"));
            }
        }
        let mut signed = Self { text: String::new(), signature: format!("{SIGNATURE}\n") };
        let mut ended = false;
        for line in lines.by_ref().take_while(|line| *line != SIGNATURE) {
            let line = match line.strip_prefix("- ") {
                Some(line) => line,
                None if line.starts_with('-') => return Err(wrong("a line begins with an unescaped dash")),
                None => line,
            };
            signed.text.push_str(line);
            signed.text.push('\n');
        }
        for line in lines.by_ref() {
            signed.signature.push_str(line);
            signed.signature.push('\n');
            if line == END {
                ended = true;
                break;
            }
        }
        if !ended {
            return Err(wrong("the signature has no end"));
        }
        if lines.any(|line| !line.is_empty()) {
            return Err(wrong("text stands after the signature"));
        }
        Ok(Some(signed))
    }
}

/// The header only announces; the signature itself says which one it is.
fn are_checksums(list: &str) -> bool {
    const NAMES: [&str; 7] = ["MD5", "SHA1", "RIPEMD160", "SHA224", "SHA256", "SHA384", "SHA512"];
    list.split(',').all(|name| NAMES.contains(&name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSuite: x\n- -dash\n-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn the_armour_comes_off() {
        let signed = ClearSigned::parse(SIGNED.as_bytes()).unwrap().unwrap();
        assert_eq!(signed.text, "Suite: x\n-dash\n");
        assert!(
            signed.signature.starts_with(SIGNATURE) && signed.signature.ends_with("abc\n-----END PGP SIGNATURE-----\n")
        );
        assert_eq!(ClearSigned::parse(b"Suite: x\n").unwrap(), None);
    }

    #[test]
    fn nothing_unsigned_is_taken_for_signed() {
        let check = |text: &str, expect: &str| {
            let error = ClearSigned::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.ends_with(expect), "{error}");
        };
        check(&format!("Suite: y\n{SIGNED}"), "text stands before the signed text");
        check(&format!("{SIGNED}Suite: y\n"), "text stands after the signature");
        check(&SIGNED[..SIGNED.len() - 5], "the signature has no end");
        check(&SIGNED.replace("- -dash", "-dash"), "a line begins with an unescaped dash");
        check(&SIGNED.replace("SHA256", "SHA257"), "an unknown header stands before the signed text");
        check(&SIGNED.replace("Hash: SHA256", "Suite: y"), "an unknown header stands before the signed text");
    }
}
