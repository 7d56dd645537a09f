//! Credential helpers: programs named `docker-credential-…` that keep secrets in a key chain.

use std::{
    io::{self, Read, Write as _},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Credential, CredentialError, DOCKER_HUB_KEY};

/// A helper that says nothing for so long waits for somebody who is not there.
const LIMIT: Duration = Duration::from_secs(30);

/// No answer is longer.
const LONGEST_ANSWER: u64 = 64 << 10;

/// Asks the helper called `name` for the credential of `registry`. Blocks.
pub(super) fn get(name: &str, registry: &str) -> Result<Credential, CredentialError> {
    let helper = format!("docker-credential-{name}");
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(failed(&helper, registry, "its name is not a plain word"));
    }
    let mut command = Command::new(&helper);
    command.arg("get");
    let server = if registry == "docker.io" { DOCKER_HUB_KEY } else { registry };
    ask(command, &helper, server, LIMIT)
}

fn ask(mut command: Command, helper: &str, server: &str, limit: Duration) -> Result<Credential, CredentialError> {
    let run = |source| CredentialError::Run { helper: helper.to_owned(), source };
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(run)?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that fails early closes its end; what it says counts, not that.
        let _ = input.write_all(server.as_bytes());
    }
    let output = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        output.map_or(Ok(0), |output| output.take(LONGEST_ANSWER).read_to_end(&mut text)).map(|_| text)
    });
    let Some(success) = wait(&mut child, limit).map_err(run)? else {
        return Err(failed(helper, server, &format!("no answer within {} s", limit.as_secs())));
    };
    let text = reader.join().unwrap_or_else(|_| Ok(Vec::new())).map_err(run)?;
    let text = String::from_utf8_lossy(&text);
    if success {
        return parse(&text).ok_or_else(|| failed(helper, server, "its answer is malformed"));
    }
    if text.contains("credentials not found") {
        return Ok(Credential::Anonymous);
    }
    Err(failed(helper, server, text.lines().next().unwrap_or_default()))
}

/// Whether the child succeeded; nothing when it had to be ended.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<bool>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn parse(text: &str) -> Option<Credential> {
    let value: Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let (user, secret) = (field("Username")?, field("Secret")?);
    Some(match user.as_str() {
        "<token>" => Credential::Identity { user, token: secret },
        _ if secret.is_empty() => Credential::Anonymous,
        _ => Credential::Basic { user, password: secret },
    })
}

fn failed(helper: &str, registry: &str, reason: &str) -> CredentialError {
    let reason = reason.chars().filter(|letter| !letter.is_control()).take(200).collect();
    CredentialError::Helper { helper: helper.to_owned(), registry: registry.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<Credential, CredentialError> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        ask(command, "docker-credential-test", "reg.example", limit)
    }

    #[test]
    fn helpers_answer_in_every_way() {
        let say = |script: &str| shell(script, Duration::from_secs(20)).map_err(|error| error.to_string());
        let answer = r#"read -r x || true; printf '{"ServerURL":"%s","Username":"u","Secret":"%s"}' "$x" "$x""#;
        assert_eq!(say(answer), Ok(Credential::Basic { user: "u".into(), password: "reg.example".into() }));
        assert_eq!(
            say(r#"echo '{"Username":"<token>","Secret":"i"}'"#),
            Ok(Credential::Identity { user: "<token>".into(), token: "i".into() })
        );
        assert_eq!(say("echo credentials not found in native keychain; exit 1"), Ok(Credential::Anonymous));
        assert!(say("echo locked; exit 1").unwrap_err().ends_with("failed for reg.example: locked"));
        assert!(say("echo '{'").unwrap_err().ends_with("malformed"));
    }

    #[test]
    fn a_helper_that_hangs_is_ended() {
        let error = shell("exec sleep 60", Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("no answer"), "{error}");
    }

    #[test]
    fn an_absent_helper_and_a_path_are_errors() {
        assert!(matches!(get("wheelwright-has-none", "r"), Err(CredentialError::Run { .. })));
        assert!(matches!(get("../../x", "r"), Err(CredentialError::Helper { .. })));
    }
}
