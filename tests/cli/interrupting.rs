//! A run that somebody ends says so and nothing else.

use std::{
    fs,
    net::TcpListener,
    process::{Command, Stdio},
};

use super::bench::Bench;

fn send(signal: &str, process: u32) {
    let kill = format!("kill -{signal} {process}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[test]
fn signals_are_heard_while_a_file_is_read() {
    for signal in ["INT", "TERM"] {
        let bench = Bench::new(&[]);
        let pipe = bench.project().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let child = bench.command("cache import pipe").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Returns when the other end is opened; then there is nothing to read.
        let _writer = fs::File::options().write(true).open(&pipe).unwrap();
        send(signal, child.id());
        let run = bench.ended(child.wait_with_output().unwrap());
        assert_eq!(run.to_string(), "exit code: 130\n----- stdout\n----- stderr\nerror: interrupted\n", "{signal}");
    }
}

#[test]
fn signals_end_a_run_cleanly() {
    for signal in ["INT", "TERM"] {
        let bench = Bench::new(&[]);
        // A registry that takes the call and never answers.
        let registry = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = format!("inspect {}/a:b", registry.local_addr().unwrap());
        let child = bench.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _call = registry.accept().unwrap();
        send(signal, child.id());
        let run = bench.ended(child.wait_with_output().unwrap());
        assert_eq!(run.to_string(), "exit code: 130\n----- stdout\n----- stderr\nerror: interrupted\n", "{signal}");
    }
}
