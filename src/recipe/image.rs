//! The table `[image]`: how containers of the image start. Variants may say the same keys.

use std::collections::BTreeMap;

use toml::{Spanned, de::DeValue};

use super::{
    problem::{Fault, Problem, ProblemKind},
    reader::Reader,
    script::absolute_path,
};
use crate::hint::Hint;

/// Linux's signals, without `SIG`, as engines know them.
///
/// [signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html).
const SIGNALS: [&str; 36] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "RTMAX", "RTMIN", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
    "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// What goes into the image's configuration.
/// [Image specification, config, "Properties"](https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageSettings {
    /// The command, never empty.
    pub entrypoint: Option<Vec<Spanned<String>>>,
    /// Its default arguments.
    pub cmd: Option<Vec<Spanned<String>>>,
    /// Environment variables.
    pub env: BTreeMap<String, Spanned<String>>,
    /// `user[:group]`, names or numbers.
    pub user: Option<Spanned<String>>,
    /// Absolute path.
    pub workdir: Option<Spanned<String>>,
    /// Labels.
    pub labels: BTreeMap<String, Spanned<String>>,
    /// `8080/tcp`.
    pub ports: Vec<Spanned<String>>,
    /// Absolute paths.
    pub volumes: Vec<Spanned<String>>,
    /// `SIGTERM`, or a number.
    pub stop_signal: Option<Spanned<String>>,
}

impl ImageSettings {
    /// Takes its keys from a table; the table's owner may take others and finishes it.
    pub(super) fn read(table: &Reader<'_>) -> Self {
        Self {
            entrypoint: entrypoint(table),
            cmd: words(table, "cmd"),
            env: table.strings_by_name("env", variable_name),
            user: table.parsed("user", user),
            workdir: table.parsed("workdir", absolute_path),
            labels: table.strings_by_name("labels", label_name),
            ports: ports(table),
            volumes: table.parsed_list("volumes", absolute_path),
            stop_signal: table.parsed("stop-signal", stop_signal),
        }
    }

    /// These settings with those of a variant over them. An entry point takes its arguments along:
    /// a variant that sets one and no `cmd` has no `cmd`.
    #[must_use]
    pub(super) fn overlaid(&self, over: &Self) -> Self {
        let mut settings = self.clone();
        if over.entrypoint.is_some() {
            settings.entrypoint.clone_from(&over.entrypoint);
            settings.cmd = None;
        }
        settings.cmd = over.cmd.clone().or(settings.cmd);
        settings.user = over.user.clone().or(settings.user);
        settings.workdir = over.workdir.clone().or(settings.workdir);
        settings.stop_signal = over.stop_signal.clone().or(settings.stop_signal);
        settings.env.extend(over.env.clone());
        settings.labels.extend(over.labels.clone());
        settings.ports.extend(over.ports.iter().filter(|port| !self.ports.contains(port)).cloned());
        settings.volumes.extend(over.volumes.iter().filter(|path| !self.volumes.contains(path)).cloned());
        settings
    }
}

fn entrypoint(table: &Reader<'_>) -> Option<Vec<Spanned<String>>> {
    let words = words(table, "entrypoint")?;
    let value = table.value("entrypoint")?;
    let nothing = words.first().is_none_or(|program| program.get_ref().trim().is_empty());
    if matches!(value.get_ref(), DeValue::Array(items) if items.is_empty() || (nothing && !words.is_empty())) {
        let message = format!("{} names no program", table.subject("entrypoint"));
        let problem = Problem::new(ProblemKind::Invalid, value.span(), message);
        table.add(
            problem.labelled("no program").hinted(Hint::new("name a program first: `[\"python3\", \"/app/main.py\"]`")),
        );
    }
    Some(words)
}

fn words(table: &Reader<'_>, key: &'static str) -> Option<Vec<Spanned<String>>> {
    let words = table.parsed_list(key, |text| Ok(text.to_owned()));
    table.has(key).then_some(words)
}

/// `8080`, `"8080"`, `"8080/udp"`.
fn ports(table: &Reader<'_>) -> Vec<Spanned<String>> {
    let subject = table.item_subject("ports");
    let items = table.list("ports", "a list of ports");
    let parsed = items.iter().filter_map(|item| match item.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => match port(number.as_str()) {
            Ok(port) => Some(Spanned::new(item.span(), port)),
            Err(fault) => {
                let problem = Problem::new(ProblemKind::Invalid, item.span(), fault.message);
                table.add(problem.labelled(fault.label).hinted(fault.hint));
                None
            }
        },
        _ => table.parsed_value(&subject, item, port),
    });
    parsed.collect()
}

fn port(text: &str) -> Result<String, Fault> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number = number.parse::<u16>().ok().filter(|number| *number > 0);
    if let (Some(number), "tcp" | "udp" | "sctp") = (number, protocol) {
        return Ok(format!("{number}/{protocol}"));
    }
    let fault = Fault::new(format!("`{text}` is not a port")).labelled("not a port");
    Err(fault.advised("write `8080` or `\"8080/udp\"`"))
}

fn variable_name(text: &str) -> Result<(), Fault> {
    let word = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let plausible =
        text.bytes().next().is_some_and(word) && text.bytes().all(|byte| word(byte) || byte.is_ascii_digit());
    plausible.then_some(()).ok_or_else(|| {
        let fault = Fault::new(format!("`{text}` is not the name of an environment variable")).labelled("not a name");
        fault.advised("use letters, digits and `_`, a letter first")
    })
}

fn label_name(text: &str) -> Result<(), Fault> {
    let plausible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'=');
    plausible.then_some(()).ok_or_else(|| {
        let fault = Fault::new(format!("`{text}` is not the name of a label")).labelled("not a name");
        fault.advised("write labels as `\"org.example.name\" = \"value\"`")
    })
}

fn user(text: &str) -> Result<String, Fault> {
    let (user, group) = text.split_once(':').unwrap_or((text, "0"));
    if is_account(user) && is_account(group) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not a user")).labelled("not `user` or `user:group`");
    Err(fault.advised("write `\"10001:10001\"` or `\"name\"`"))
}

/// A number, or a name as `useradd` takes it.
fn is_account(text: &str) -> bool {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<u32>().is_ok();
    }
    text.len() <= 32
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

fn stop_signal(text: &str) -> Result<String, Fault> {
    let number = text.parse::<u8>().is_ok_and(|number| (1..=64).contains(&number));
    if number || text.strip_prefix("SIG").is_some_and(is_signal) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not a signal")).labelled("not a signal");
    let meant = text.to_ascii_uppercase();
    let meant = meant.strip_prefix("SIG").unwrap_or(&meant);
    Err(if is_signal(meant) {
        fault.advised(format!("did you mean `SIG{meant}`?"))
    } else {
        fault.advised("write `\"SIGTERM\"` or a number")
    })
}

/// Whether engines know this signal of Linux, without its `SIG`. Real-time signals are counted from either end.
fn is_signal(name: &str) -> bool {
    let counts = |start: &str, most: u8| {
        let number = name.strip_prefix(start).filter(|number| !number.starts_with('0'));
        number.and_then(|number| number.parse::<u8>().ok()).is_some_and(|number| (1..=most).contains(&number))
    };
    SIGNALS.contains(&name) || counts("RTMIN+", 15) || counts("RTMAX-", 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_those_that_engines_know() {
        for signal in ["SIGTERM", "SIGSYS", "SIGRTMIN", "SIGRTMIN+3", "SIGRTMAX-14", "1", "64"] {
            assert_eq!(stop_signal(signal).ok().as_deref(), Some(signal));
        }
        let other = "write `\"SIGTERM\"` or a number";
        let check = |text: &str, hint: &str| {
            assert_eq!(stop_signal(text).unwrap_err().hint.unwrap().to_string(), hint, "{text}");
        };
        check("QUIT", "did you mean `SIGQUIT`?");
        check("sigrtmin+1", "did you mean `SIGRTMIN+1`?");
        for text in
            ["SIGFOO", "SIG", "", "0", "65", "SIGRTMIN+16", "SIGRTMIN+", "SIGRTMAX-0", "SIGRTMIN+01", "SIGTERM+1"]
        {
            check(text, other);
        }
    }
}
