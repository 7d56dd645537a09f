//! Credential helpers: programs named `docker-credential-…` that keep secrets in a key chain.

use std::{process::Command, time::Duration};

use serde_json::Value;

use super::{Credential, CredentialError, DOCKER_HUB_KEY};
use crate::http;

/// Asks the helper called `name` for the credential of `registry`. Blocks.
pub(super) fn get(name: &str, registry: &str) -> Result<Credential, CredentialError> {
    let helper = format!("docker-credential-{name}");
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(failed(&helper, registry, "its name is not a plain word"));
    }
    let mut command = Command::new(&helper);
    command.arg("get");
    let server = if registry == "docker.io" { DOCKER_HUB_KEY } else { registry };
    ask(command, &helper, server, http::PATIENCE)
}

fn ask(mut command: Command, helper: &str, server: &str, limit: Duration) -> Result<Credential, CredentialError> {
    let run = |source| CredentialError::Run { helper: helper.to_owned(), source };
    let Some(said) = http::ask(&mut command, server.as_bytes(), limit).map_err(run)? else {
        return Err(failed(helper, server, &format!("no answer within {} s", limit.as_secs())));
    };
    let text = String::from_utf8_lossy(&said.text);
    if said.success {
        return parse(&text).ok_or_else(|| failed(helper, server, "its answer is malformed"));
    }
    if text.contains("credentials not found") {
        return Ok(Credential::Anonymous);
    }
    Err(failed(helper, server, text.lines().next().unwrap_or_default()))
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
