//! The house rules, held against this repository. A failure names the place, the rule and the remedy.

use std::fmt;
use std::sync::LazyLock;

use sluice_house::rules::{dependencies, documents, habits, layout, names, places, purity, sizes};
use sluice_house::{Fault, Tree};

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::read().expect("the repository this test lies in can be read"));

/// One test for each line: its name is what it promises.
macro_rules! hold {
    ($($promise:ident: $rule:path),* $(,)?) => {
        $(#[test] fn $promise() -> Result<(), Breach> { hold($rule(&TREE)) })*
    };
}

/// The faults as people read them, without the backtrace a panic would put under them.
struct Breach(Vec<Fault>);

impl fmt::Debug for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to mend", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

fn hold(mut faults: Vec<Fault>) -> Result<(), Breach> {
    faults.sort();
    if faults.is_empty() { Ok(()) } else { Err(Breach(faults)) }
}

hold! {
    files_stay_short: sizes::files,
    functions_stay_short: sizes::functions,
    reasons_for_long_files_are_needed: sizes::reasons,

    the_core_knows_no_world: purity::core,
    the_core_stands_on_few_crates: dependencies::core,
    dependencies_point_one_way: dependencies::arrows,
    every_package_is_linted: dependencies::lints,

    only_wiring_names_edges: places::wiring,
    only_main_exits: places::exits,
    only_telemetry_installs_what_is_global: places::telemetry,
    only_settings_read_the_environment: places::environment,

    closed_enums_are_matched_by_name: habits::catch_alls,
    no_loose_ends: habits::loose_ends,
    no_lame_tests: habits::lame_tests,
    tests_do_not_sleep: habits::sleeps,
    every_allow_argues: habits::allows,
    every_queue_has_a_bound: habits::unbounded,

    files_open_with_what_they_are_for: names::openings,
    modules_are_nouns: names::files,
    types_are_called_for_what_they_are: names::types,
    nothing_is_got: names::getters,

    the_top_level_is_fixed: layout::top,
    the_readme_is_one_page: layout::readme,
    decisions_are_short_and_in_order: layout::decisions,
    the_core_bans_by_lint_too: layout::core_lints,

    no_text_names_a_machine: documents::machine_paths,
    links_lead_somewhere: documents::links,
    commands_exist: documents::commands,
}
