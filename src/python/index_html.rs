//! The links of an HTML page, read tolerantly and in linear time.

/// What an index page in HTML consists of.
pub(super) struct Page {
    /// `<base href>`.
    pub(super) base: Option<String>,
    /// In the page's order.
    pub(super) anchors: Vec<Anchor>,
}

/// The attributes of an `<a>`, names in lower case, values with their entities replaced.
pub(super) struct Anchor(Vec<(String, String)>);

impl Anchor {
    /// The first attribute called `name`.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The links of `html`, comments passed over.
pub(super) fn anchors(html: &str) -> Page {
    let mut page = Page { base: None, anchors: Vec::new() };
    let mut rest = html;
    while let Some(position) = rest.find('<') {
        rest = &rest[position + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        if name == "a" || name == "base" {
            let (attributes, behind) = attributes(&rest[end..]);
            rest = behind;
            // A page cut short ends within a tag, and what is left of that means nothing.
            if rest.is_empty() && !html.ends_with('>') {
                break;
            }
            let anchor = Anchor(attributes);
            match name.as_str() {
                "base" => page.base = page.base.or_else(|| anchor.attribute("href").map(str::to_owned)),
                _ => page.anchors.push(anchor),
            }
        }
    }
    page
}

/// Attributes up to the `>` of a tag, and what follows it.
fn attributes(mut text: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    loop {
        text = text.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == '/');
        if text.is_empty() || text.starts_with('<') {
            return (found, text);
        }
        if let Some(behind) = text.strip_prefix('>') {
            return (found, behind);
        }
        let end =
            text.find(|letter: char| letter.is_ascii_whitespace() || "=>/".contains(letter)).unwrap_or(text.len());
        // A stray `=` would otherwise be a name without letters, for ever.
        let end = end.max(text.chars().next().map_or(0, char::len_utf8));
        let name = text[..end].to_ascii_lowercase();
        text = text[end..].trim_start();
        let value = match text.strip_prefix('=') {
            Some(behind) => {
                let (value, behind) = attribute_value(behind.trim_start());
                text = behind;
                unescaped(value)
            }
            None => String::new(),
        };
        found.push((name, value));
    }
}

fn attribute_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    let end = text.find(|letter: char| letter.is_ascii_whitespace() || letter == '>').unwrap_or(text.len());
    text.split_at(end)
}

fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(position) = rest.find('&') {
        result.push_str(&rest[..position]);
        rest = &rest[position..];
        // The longest entity worth knowing, `&#x10ffff;`, has ten letters.
        let end = rest.bytes().take(10).position(|byte| byte == b';');
        if let Some((letter, end)) = end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            result.push(letter);
            rest = &rest[end + 1..];
        } else {
            result.push('&');
            rest = &rest[1..];
        }
    }
    result.push_str(rest);
    result
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// `text` with its `%xx` replaced; bytes that are not UTF-8 become U+FFFD.
pub(super) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut result = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while position < bytes.len() {
        let digit = |offset: usize| bytes.get(position + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[position], digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                result.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                position += 3;
            }
            (byte, ..) => {
                result.push(byte);
                position += 1;
            }
        }
    }
    String::from_utf8_lossy(&result).into_owned()
}
