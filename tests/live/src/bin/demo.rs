//! `./x demo`: the main job from end to end, on a private Redis and three hosts; it checks what it shows.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use sluice_live::Fleet;

fn main() -> ExitCode {
    match story() {
        Ok(()) => {
            println!("\nDone. Nothing is left running, and nothing is left on the disk.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: the demo went wrong: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn story() -> Result<()> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo");
    chapter("A private Redis and three edge hosts");
    let mut fleet = Fleet::passing(3)?;
    say(&format!("redis    {}", fleet.server.url()));
    fleet.hosts.iter().for_each(|host| say(&format!("{}   {}", host.id, host.url(""))));

    bind(&fleet, &files)?;
    apply(&fleet, &files)?;
    publish_by_hand(&fleet)?;
    refuse(&fleet)?;
    kill_one(&mut fleet)?;
    lose_redis(&mut fleet)
}

fn bind(fleet: &Fleet, files: &Path) -> Result<()> {
    chapter("Bind the JSON Schema validator: it judges every change on every host");
    for (name, glob, schema) in
        [("limits", "checkout/limits.*", "limits.settings.json"), ("edge", "edge/*", "edge.settings.json")]
    {
        let settings = format!("@{}", files.join(schema).display());
        run(
            fleet,
            &[
                "validator",
                "bind",
                name,
                "json-schema",
                "--keys",
                glob,
                "--settings",
                &settings,
                "--wait",
                "--timeout",
                "5m",
            ],
            0,
        )?;
    }
    run(fleet, &["validator", "ls"], 0)?;
    Ok(())
}

fn apply(fleet: &Fleet, files: &Path) -> Result<()> {
    chapter("Publish a configuration tree: routes, limits, flags, TLS settings, in one change");
    let tree = files.join("shop");
    let tree = tree.to_str().context("the folder's name is UTF-8")?;
    run(fleet, &["apply", "-f", tree, "--reason", "first release", "--wait"], 0)?;
    run(fleet, &["ls"], 0)?;
    Ok(())
}

fn publish_by_hand(fleet: &Fleet) -> Result<()> {
    chapter("Publish with nothing but redis-cli");
    let value = r#"{"max_items":80,"max_total_cents":800000,"currencies":["EUR","USD"]}"#;
    say(&format!(
        "$ redis-cli XADD sluice:{{shop}}:log '*' put:checkout/limits.json '{value}' author mei reason 'summer sale'"
    ));
    let revision = fleet.xadd(&["put:checkout/limits.json", value, "author", "mei", "reason", "summer sale"])?;
    say(&revision);
    fleet.converge(&revision);
    show_hosts(fleet)
}

fn refuse(fleet: &Fleet) -> Result<()> {
    chapter("A bad change: every host refuses it alike, and serves on what it had");
    let bad = r#"{"max_items":9000,"max_total_cents":"a lot","currencies":["EUR"]}"#;
    run(fleet, &["put", "checkout/limits.json", bad, "--reason", "oops", "--wait"], 1)?;
    say("and one with a typo in a field, straight from redis-cli:");
    let typo = fleet.xadd(&["putt:checkout/limits.json", "{}"])?;
    fleet.converge(&typo);
    run(fleet, &["show", &typo], 0)?;
    for host in &fleet.hosts {
        let value = text(host.value("checkout/limits.json")?)?;
        ensure!(value.contains("\"max_items\":80"), "{} serves {value}", host.id);
        say(&format!("{}  serves  {value}", host.id));
    }
    show_hosts(fleet)
}

fn kill_one(fleet: &mut Fleet) -> Result<()> {
    chapter("kill -9 one host, publish meanwhile, start it again");
    let id = fleet.hosts[1].id.clone();
    fleet.hosts.remove(1).kill()?;
    say(&format!("{id}  killed"));
    let revision = fleet.xadd(&["put:checkout/flags.yaml", "new_payment_page: true\n", "author", "mei"])?;
    let again = fleet.host(&id, &[])?;
    say(&format!("{id}  back at {}", again.url("")));
    fleet.hosts.insert(1, again);
    fleet.converge(&revision);
    show_hosts(fleet)
}

fn lose_redis(fleet: &mut Fleet) -> Result<()> {
    chapter("Stop Redis, restart a host without it, and read on");
    fleet.server.kill()?;
    say("redis    killed");
    let id = fleet.hosts[2].id.clone();
    fleet.hosts.remove(2).kill()?;
    let again = fleet.host(&id, &[])?;
    say(&format!("{id}  killed and started again, with no Redis anywhere"));
    fleet.hosts.push(again);
    for host in &fleet.hosts {
        let value = text(host.value("checkout/flags.yaml")?)?;
        ensure!(value.contains("new_payment_page: true"), "{} serves {value}", host.id);
        say(&format!("{}  serves  {}", host.id, value.trim()));
    }
    Ok(())
}

/// One line a host, read from the hosts themselves; they must agree.
fn show_hosts(fleet: &Fleet) -> Result<()> {
    let mut seen = Vec::new();
    for host in &fleet.hosts {
        let status = host.status()?;
        let (revision, root) = (status["revision"].to_string(), status["root"].to_string());
        say(&format!("{}  revision {revision}  root {root}", host.id));
        seen.push((revision, root));
    }
    ensure!(seen.windows(2).all(|pair| pair[0] == pair[1]), "the hosts differ");
    Ok(())
}

fn run(fleet: &Fleet, args: &[&str], code: i32) -> Result<()> {
    let shown = args.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(" ");
    say(&format!("$ sluice {shown}"));
    let ran = fleet.sluice.run(args)?;
    ran.stdout.lines().chain(ran.stderr.lines()).for_each(say);
    ensure!(ran.code == code, "sluice {shown} ended with {}, not {code}", ran.code);
    Ok(())
}

fn quoted(arg: &str) -> String {
    let short: String =
        if arg.chars().count() > 120 { arg.chars().take(117).chain("...".chars()).collect() } else { arg.to_owned() };
    let is_plain = short.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@=".contains(c));
    if is_plain { short } else { format!("'{short}'") }
}

fn text(value: Option<Vec<u8>>) -> Result<String> {
    Ok(String::from_utf8(value.context("the key is absent")?)?)
}

fn chapter(title: &str) {
    println!("\n== {title}");
}

fn say(line: &str) {
    println!("   {line}");
}
