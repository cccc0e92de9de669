//! A day on call, from `docs/RUNBOOK.md` alone: each step is the command that stands there.

use crate::support::{
    NUMBER,
    stage::{NO_LIMITS, Stage, person, refuses},
    until, without_limits,
};
use std::process::{Command, Output};
use whatsapp_simulator::Statuses;

const RUNBOOK: &str = include_str!("../../../docs/RUNBOOK.md");

/// The commands of a section, one block after the other.
fn blocks(section: &str) -> Vec<String> {
    let text = RUNBOOK.split("\n## ").find_map(|text| text.strip_prefix(section)).expect("the section");
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().expect("its end"));
    blocks.map(|block| block.lines().map(str::trim).collect::<Vec<_>>().join("\n")).collect()
}

/// Runs a block as somebody on call does, in the installation's environment.
fn run(stage: &Stage, block: &str) -> Output {
    let own = stage.installation.command(&[]);
    let programs = std::path::Path::new(own.get_program()).parent().expect("a directory");
    let path = std::env::var("PATH").expect("a path");
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", block]).env_clear();
    shell.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("PATH", format!("{}:{path}", programs.display())).env("NUMBER", NUMBER);
    shell.current_dir(own.get_current_dir().expect("a directory"));
    shell.output().expect("bash runs")
}

/// What it printed; it must have worked.
fn shown(stage: &Stage, block: &str) -> String {
    let output = run(stage, block);
    assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_found_mended_and_its_damage_replayed_from_the_runbook() {
    const RENEWED: &str = "a-renewed-token";
    let stage = Stage::with(without_limits(Statuses::Read), &NO_LIMITS).await;
    let (kim, lee, sam) = (person(1), person(2), person(3));
    stage.fails(&lee, refuses(131_026), 1);
    stage.writes(&lee, "one").await;
    stage.installation.until("SELECT count(*) FROM dead_letters", "1").await;
    // The token expires.
    stage.simulator.set_access_token(RENEWED);
    for who in [&kim, &sam] {
        stage.writes(who, "one").await;
        stage.writes(who, "two").await;
    }
    stage.installation.until("SELECT count(*) FROM phone_numbers WHERE paused LIKE 'error 190%'", "1").await;

    let first_look = shown(&stage, &blocks("First look")[0]);
    assert!(first_look.contains("error 190") && first_look.contains("permanent_error"), "{first_look}");
    let steps = blocks("An expired token");
    assert_eq!(steps.len(), 7);
    assert!(shown(&stage, &steps[0]).contains("error 190"));
    let directory = stage.installation.command(&[]);
    std::fs::write(directory.get_current_dir().expect("a directory").join("token-file"), RENEWED).expect("written");
    shown(&stage, &steps[1]);
    shown(&stage, &steps[2]);
    for who in [&kim, &sam] {
        stage.until_received(who, &["one", "two"]).await;
    }
    let dry = shown(&stage, &steps[3]);
    assert!(dry.lines().any(|line| line.contains("would_send") && line.contains('1')), "{dry}");
    assert!(stage.received(&lee).is_empty(), "a dry run sends nothing");
    shown(&stage, &steps[4]);
    stage.until_received(&lee, &["one"]).await;
    stage.installation.until_settled().await;
    let mut seen = String::new();
    until("the number is calm", || {
        seen = shown(&stage, &steps[5]);
        !seen.contains("error 190") && !seen.contains("permanent_error")
    })
    .await;
    let acts = shown(&stage, &steps[6]);
    for act in ["numbers.add", "numbers.resume", "dead_letters.replay"] {
        assert!(acts.contains(act), "{acts}");
    }
    assert_eq!(stage.simulator.sends_count(), 5, "nothing twice");
}

/// Every command of the whole runbook is one that there is.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_runbook_is_one_that_there_is() {
    let stage = Stage::set(&[]).await;
    let commands = RUNBOOK.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let commands = commands.flat_map(str::lines).map(str::trim).filter(|line| line.starts_with("flow-runner"));
    let mut count = 0;
    for command in commands {
        let asked = command.split(" < ").next().expect("a command");
        let output = run(&stage, &format!("NUMBER=1 JOB=1 WHO=1 ID=1; {asked} --help"));
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        // What `--help` doesn't look at: the options themselves.
        let words = asked.split_whitespace().filter(|word| word.starts_with("--") && *word != "--yes");
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        for option in words {
            assert!(help.contains(option), "{command}: there is no {option}");
        }
        count += 1;
    }
    assert!(count > 20, "{count} commands");
}
