//! Signatures are good when `GnuPG`'s verifier says so, and never otherwise.

use std::{
    fs,
    path::{Path, PathBuf},
};

use wheelwright::debian::{
    ClearSigned,
    openpgp::{Keyring, OpenPgpError},
};

use super::workshop::{call, fresh, output};

/// Octets that are changed, one at a time, evenly over each message.
const CHANGES: usize = 120;

/// `GnuPG` with a home of its own.
struct Oracle(PathBuf);

impl Oracle {
    fn new(name: &str) -> Self {
        let folder = fresh(name);
        output(call("chmod", ["700"]).arg(&folder));
        Self(folder)
    }

    fn gpg(&self, arguments: &[&str]) -> Vec<u8> {
        output(call("gpg", ["--batch", "--quiet", "--homedir"]).arg(&self.0).args(arguments))
    }

    /// A key pair with a subkey that signs, where there is one.
    fn generate(&self, name: &str, key: &str, subkey: Option<&str>) {
        let sign = ["--passphrase", "", "--quick-generate-key", name, key, "sign", "never"];
        self.gpg(&sign);
        if let Some(subkey) = subkey {
            let listed = String::from_utf8(self.gpg(&["--with-colons", "--list-keys", name])).unwrap();
            let line = listed.lines().find(|line| line.starts_with("fpr")).unwrap();
            let fingerprint = line.trim_start_matches("fpr").trim_matches(':');
            self.gpg(&["--passphrase", "", "--quick-add-key", fingerprint, subkey, "sign", "never"]);
        }
    }

    fn sign(&self, name: &str, checksum: &str, text: &Path) -> Vec<u8> {
        let text = text.to_str().unwrap();
        self.gpg(&["--local-user", name, "--digest-algo", checksum, "--output", "-", "--clear-sign", text])
    }

    /// Whether `GnuPG` takes `message` for well signed by a key of `keyring`.
    fn accepts(&self, keyring: &Path, message: &[u8]) -> bool {
        let file = self.0.join("message");
        fs::write(&file, message).unwrap();
        let mut gpgv = call("gpgv", ["--quiet", "--homedir"]);
        gpgv.arg(&self.0).arg("--keyring").arg(keyring).args(["--output", "/dev/null"]).arg(&file);
        gpgv.output().unwrap().status.success()
    }
}

impl Drop for Oracle {
    /// `GnuPG` leaves an agent behind.
    fn drop(&mut self) {
        let _ended = call("gpgconf", ["--homedir"]).arg(&self.0).args(["--kill", "all"]).status();
    }
}

fn ours(keyring: &[u8], message: &[u8]) -> Result<(), String> {
    let signed = ClearSigned::parse(message).map_err(|error| error.to_string())?.ok_or("nothing is signed")?;
    let keyring = Keyring::parse(keyring).map_err(|error| error.to_string())?;
    keyring.verify(&signed, None).map(|_| ()).map_err(|error| error.to_string())
}

fn text_of(message: &[u8]) -> String {
    ClearSigned::parse(message).unwrap().unwrap().text
}

#[test]
fn signatures_are_judged_as_gnupg_judges_them() {
    let oracle = Oracle::new("openpgp");
    let text = oracle.0.join("text");
    fs::write(&text, "Origin: Demo\nSuite: demo  \n- a dash\n\n\tindented\nDate: now\n").unwrap();
    for (name, key, subkey) in [
        ("rsa", "rsa2048", None),
        ("rsa-subkey", "rsa3072", Some("rsa2048")),
        ("curve", "ed25519", None),
        ("curve-subkey", "rsa2048", Some("ed25519")),
    ] {
        oracle.generate(name, key, subkey);
        let keyring = oracle.0.join(format!("{name}.gpg"));
        fs::write(&keyring, oracle.gpg(&["--export", name])).unwrap();
        let keys = fs::read(&keyring).unwrap();
        for checksum in ["SHA256", "SHA512"] {
            let message = oracle.sign(name, checksum, &text);
            assert!(oracle.accepts(&keyring, &message), "{name} {checksum}");
            assert_eq!(ours(&keys, &message), Ok(()), "{name} {checksum}");
            // RFC 9580 leaves the armour's own checksum unread, `GnuPG` 2.2 reads it.
            let end = message.windows(2).rposition(|pair| pair == b"\n=").unwrap();
            let mut refused = 0;
            for octet in (0..CHANGES).map(|change| change * end / CHANGES) {
                let mut changed = message.clone();
                changed[octet] ^= 1;
                match ours(&keys, &changed) {
                    // In what a signature says without signing it, `GnuPG` looks for more than is needed.
                    Ok(()) if text_of(&changed) == text_of(&message) => {}
                    Ok(()) => assert!(oracle.accepts(&keyring, &changed), "{name} {checksum} {octet}"),
                    Err(_) => refused += 1,
                }
            }
            assert!(refused > CHANGES * 9 / 10, "{name} {checksum}: only {refused} refused");
        }
    }
}

#[test]
fn other_keys_and_checksums_are_refused_by_name() {
    let oracle = Oracle::new("openpgp-refused");
    let text = oracle.0.join("text");
    fs::write(&text, "Suite: demo\n").unwrap();
    oracle.generate("good", "ed25519", None);
    oracle.generate("curve", "nistp256", None);
    let good = oracle.gpg(&["--export", "good"]);
    assert_eq!(Keyring::parse(&oracle.gpg(&["--export", "curve"])), Err(OpenPgpError::NoKey));
    let check = |name: &str, checksum: &str, expect: &str| {
        let error = ours(&good, &oracle.sign(name, checksum, &text)).unwrap_err();
        assert!(error.contains(expect), "{error}");
    };
    check("curve", "SHA256", "which is not in the keyring");
    check("good", "SHA1", "a signature with SHA-1 is not accepted");
}
