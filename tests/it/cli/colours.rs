//! Colours are for terminals, and for nobody who has said no.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::process::Stdio;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::run::{RIGHT, Shell};

/// What a command writes on a terminal, until that holds `last` or the command ends.
fn on_a_terminal(shell: &Shell, arguments: &[&str], last: &str) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal can be had");
    grantpt(&ours).expect("it is ours");
    unlockpt(&ours).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name");
    let name = std::ffi::OsString::from_vec(name.into_bytes());
    let theirs = open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("it opens");
    let other = theirs.try_clone().expect("a second handle");
    let mut command = shell.command(arguments);
    command
        .stdout(Stdio::from(theirs))
        .stderr(Stdio::from(other));
    let mut child = command.spawn().expect("the binary runs");
    // It holds the terminal too, which ends for us only when nobody else has it.
    drop(command);
    let (mut shown, mut part) = (String::new(), [0; 4_096]);
    let mut reader = File::from(ours);
    while !shown.contains(last) {
        match reader.read(&mut part) {
            Ok(length) if length > 0 => shown += &String::from_utf8_lossy(&part[..length]),
            // A terminal that nobody holds any more cannot be read.
            Ok(_) | Err(_) => break,
        }
    }
    let _ = child.kill();
    child.wait().expect("it ends");
    assert!(shown.contains(last), "{shown}");
    shown
}

fn shell(variables: &[(&str, &str)]) -> Shell {
    Shell::new()
        .with(&RIGHT)
        .with(&[("TERM", "xterm-256color"), ("LISTEN", "127.0.0.1:0")])
        .with(variables)
}

fn is_coloured(text: &str) -> bool {
    text.contains("\u{1b}[")
}

#[test]
fn help_errors_and_log_lines_have_colours_on_a_terminal_and_never_with_no_color() {
    for (arguments, last) in [
        (&["--help"][..], "--version"),
        (&["sync", "--nonsense"], "--help"),
        (&["serve"], "listens on"),
    ] {
        let plain = on_a_terminal(&shell(&[]), arguments, last);
        assert!(is_coloured(&plain), "{arguments:?}: {plain}");
        for no in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
            let shown = on_a_terminal(&shell(&[no]), arguments, last);
            assert!(!is_coloured(&shown), "{arguments:?} with {no:?}: {shown}");
        }
    }
}

#[test]
fn where_no_terminal_is_there_are_no_colours() {
    let shell = shell(&[("LOG_FORMAT", "human"), ("LOG", "debug")]);

    for arguments in [
        &["--help"][..],
        &["sync", "--nonsense"],
        &["migrate"],
        &["mailboxes", "list"],
        &["config"],
        &["verify", "nobody@example.org"],
    ] {
        let ran = shell.run(arguments);
        let text = format!("{}{}", ran.out, ran.err);
        assert!(
            !text.is_empty() && !is_coloured(&text),
            "{arguments:?}: {text}"
        );
    }
}
