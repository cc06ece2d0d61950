//! Has Docker Compose itself read the stack, where there is one. It needs no running Docker for that.

use std::process::Command;

use super::files::path;

/// The stack uses `name`, `required` and `start_interval`, which version 1 cannot read.
const GET_IT: &str = "It is Compose 2.24 or later, a plugin of Docker's command line: install docker-compose-plugin from Docker's \
                      package source, or docker-compose-v2 from Ubuntu's; `docker-compose` 1.x cannot read the stack.";

fn compose(arguments: &[&str]) -> std::io::Result<std::process::Output> {
    Command::new("docker")
        .arg("compose")
        .args(arguments)
        .current_dir(path("."))
        .env("POSTGRES_PASSWORD", "hidden")
        .output()
}

#[test]
#[expect(clippy::print_stdout, reason = "what is left out is said")]
fn compose_accepts_the_stack_with_each_profile() {
    let version = compose(&["version"]);
    if !version.is_ok_and(|version| version.status.success()) {
        println!("left out: there is no `docker compose` here. {GET_IT}");
        return;
    }

    for arguments in [
        &["--env-file", ".env.example"][..],
        &["--env-file", "deploy/compose/sandbox.env"],
        &["--env-file", ".env.example", "--profile", "replicas"],
        &["--env-file", ".env.example", "--profile", "tunnel"],
    ] {
        let config = [arguments, &["config", "--quiet"]].concat();
        let ran = compose(&config).expect("it ran a moment ago");
        assert!(
            ran.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }
}
