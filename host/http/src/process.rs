//! What this process takes of the machine, as Linux tells it, under the `process_*` names dashboards know.
//!
//! Written as text of its own: seconds of CPU are a counter with fractions, which the recorder does not have.

use std::fmt::{Display, Write};
use std::fs;
use std::path::Path;

/// Entries of the auxiliary vector (`getauxval(3)`): bytes of a page, and ticks of the clock in a second.
const PAGE_BYTES: usize = 6;
const CLOCK_TICKS: usize = 17;

/// Fields of `/proc/self/stat` (`proc_pid_stat(5)`), counted from the one behind the name, which is the third.
const USER_TICKS: usize = 14 - 3;
const SYSTEM_TICKS: usize = 15 - 3;
const START_TICKS: usize = 22 - 3;
const VIRTUAL_BYTES: usize = 23 - 3;
const RESIDENT_PAGES: usize = 24 - 3;

/// Prometheus text. What `proc` does not tell is left out, so that elsewhere than on Linux it is empty.
pub fn exposition(proc: &Path) -> String {
    let mut text = String::new();
    let own = proc.join("self");
    if let Some((stat, auxiliary)) = stat(&own).zip(fs::read(own.join("auxv")).ok()) {
        let (page, ticks) = (entry(&auxiliary, PAGE_BYTES), entry(&auxiliary, CLOCK_TICKS));
        let seconds = |count: f64| ticks.map(|ticks| count / ticks);
        let cpu = seconds(stat[USER_TICKS] + stat[SYSTEM_TICKS]);
        let start = seconds(stat[START_TICKS]).zip(booted(proc)).map(|(since, booted)| booted + since);
        family(&mut text, "process_cpu_seconds_total", "counter", "user and system CPU time", cpu);
        family(&mut text, "process_start_time_seconds", "gauge", "start of the process, since 1970", start);
        family(&mut text, "process_virtual_memory_bytes", "gauge", "virtual memory", Some(stat[VIRTUAL_BYTES]));
        let resident = page.map(|page| page * stat[RESIDENT_PAGES]);
        family(&mut text, "process_resident_memory_bytes", "gauge", "resident memory", resident);
    }
    // The listing itself holds one open.
    let open = fs::read_dir(own.join("fd")).ok().map(|listed| listed.count().saturating_sub(1));
    family(&mut text, "process_open_fds", "gauge", "open file descriptors", open);
    family(&mut text, "process_max_fds", "gauge", "most file descriptors it may open", most_files(&own));
    text
}

fn family(text: &mut String, name: &str, kind: &str, help: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        let written = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n");
        written.expect("a string takes whatever is written to it");
    }
}

/// The numbers behind the program's name, which may itself contain blanks and parentheses.
fn stat(own: &Path) -> Option<Vec<f64>> {
    let text = fs::read_to_string(own.join("stat")).ok()?;
    let (_, numbers) = text.rsplit_once(')')?;
    let numbers: Vec<f64> = numbers.split_whitespace().map(|number| number.parse().unwrap_or_default()).collect();
    (numbers.len() > RESIDENT_PAGES).then_some(numbers)
}

/// A value of the auxiliary vector: pairs of machine words.
fn entry(auxiliary: &[u8], wanted: usize) -> Option<f64> {
    const WORD: usize = size_of::<usize>();
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).ok();
    let mut pairs = auxiliary.chunks_exact(2 * WORD).map(|pair| pair.split_at(WORD));
    pairs.find(|(name, _)| word(name) == Some(wanted)).and_then(|(_, value)| word(value)).map(|value| value as f64)
}

/// When the machine started, in seconds since 1970.
fn booted(proc: &Path) -> Option<f64> {
    let text = fs::read_to_string(proc.join("stat")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// The soft limit; none when it is `unlimited`.
fn most_files(own: &Path) -> Option<u64> {
    let text = fs::read_to_string(own.join("limits")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, name: &str) -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{name} is missing: {text}"))
    }

    #[test]
    fn this_process_is_told_as_it_is() {
        let files: Vec<_> = (0..50).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        let memory = std::hint::black_box(vec![1_u8; 64 << 20]);
        let text = exposition(Path::new("/proc"));
        let resident = value(&text, "process_resident_memory_bytes");
        assert!(resident > memory.len() as f64 && resident < value(&text, "process_virtual_memory_bytes"), "{text}");
        let open = value(&text, "process_open_fds");
        assert!(open >= files.len() as f64 && open <= value(&text, "process_max_fds"), "{text}");
        let now = sluice_node::hub::wall_ms() as f64 / 1000.0;
        // The kernel counts from the boot in ticks, so a start may seem up to a second later than it was.
        let age = now - value(&text, "process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "started {age} s ago: {text}");
        assert!(value(&text, "process_cpu_seconds_total") <= 2.0 * 3600.0, "{text}");
    }

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_numbers() {
        let proc = std::env::temp_dir().join(format!("sluice-proc-{}", std::process::id()));
        fs::create_dir_all(proc.join("self")).unwrap();
        let numbers: Vec<String> = (4..=52).map(|field| (field * 100).to_string()).collect();
        fs::write(proc.join("self/stat"), format!("7 (a) b (c) S {}", numbers.join(" "))).unwrap();
        fs::write(proc.join("stat"), "cpu 1 2\nbtime 1000\n").unwrap();
        let auxiliary = [PAGE_BYTES, 4096, CLOCK_TICKS, 100, 0, 0].map(usize::to_ne_bytes).concat();
        fs::write(proc.join("self/auxv"), auxiliary).unwrap();
        let text = exposition(&proc);
        fs::remove_dir_all(&proc).unwrap();
        let told = ["process_cpu_seconds_total", "process_start_time_seconds", "process_resident_memory_bytes"];
        assert_eq!(told.map(|name| value(&text, name)), [29.0, 1022.0, 2400.0 * 4096.0]);
        assert!(!text.contains("fds"), "what is not known is left out: {text}");
    }

    #[test]
    fn where_there_is_no_proc_nothing_is_told() {
        assert_eq!(exposition(Path::new("/nowhere")), "");
    }
}
