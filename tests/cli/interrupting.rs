//! A run that somebody ends says so and nothing else.

use std::{
    net::TcpListener,
    process::{Command, Stdio},
};

use super::bench::Bench;

#[test]
fn signals_end_a_run_cleanly() {
    for signal in ["INT", "TERM"] {
        let bench = Bench::new(&[]);
        // A registry that takes the call and never answers.
        let registry = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = format!("inspect {}/a:b", registry.local_addr().unwrap());
        let child = bench.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _call = registry.accept().unwrap();
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let run = bench.ended(child.wait_with_output().unwrap());
        assert_eq!(run.to_string(), "exit code: 130\n----- stdout\n----- stderr\nerror: interrupted\n", "{signal}");
    }
}
