//! A report as one page. The page holds the report as JSON, and draws itself out of it when it is opened; its
//! own policy forbids it any access to a network.

use super::Report;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The policy of the page: what stands in it, and nothing from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'";

pub(super) fn page(report: &Report) -> String {
    let title = report.name.replace('&', "&amp;").replace('<', "&lt;");
    let data = serde_json::to_string(report).unwrap_or_default();
    // Nothing in it may end the element that it stands in.
    let data = data.replace('<', "\\u003c");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main id=\"page\"></main>\n\
         <noscript>This page draws itself with a script that stands in it.</noscript>\n\
         <script id=\"report\" type=\"application/json\">{data}</script>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Report, tests::report};

    #[test]
    fn nothing_in_a_report_ends_its_place_and_nothing_is_loaded() {
        let evil = Report { name: "</script><b>{script}{style}</b>".to_owned(), ..report() };
        let page = evil.html();
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(!page.contains("<b>"));
        for word in ["http:", "https:", "src=", "url(", "@import", "fetch(", "XMLHttp"] {
            assert!(!page.contains(word), "{word}");
        }
        let mark = "type=\"application/json\">";
        let start = page.find(mark).unwrap() + mark.len();
        let end = start + page[start..].find("</script>").unwrap();
        assert_eq!(Report::from_json(&page[start..end]).unwrap(), evil);
    }
}
