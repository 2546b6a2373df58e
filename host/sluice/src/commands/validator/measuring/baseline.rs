//! What was measured before, as a file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::Measure;
use crate::exit::usage;
use crate::output::API_VERSION;

/// A saved measurement.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    api_version: String,
    kind: String,
    /// Digest of the component.
    component: String,
    measures: BTreeMap<String, f64>,
}

impl Baseline {
    pub fn of(component: &str, measures: &[Measure]) -> Baseline {
        Baseline {
            api_version: API_VERSION.to_owned(),
            kind: "BenchBaseline".to_owned(),
            component: component.to_owned(),
            measures: measures.iter().map(|measure| (measure.name.to_owned(), measure.value)).collect(),
        }
    }

    pub fn read(path: &Path) -> Result<Baseline> {
        let at = path.display();
        let text = std::fs::read(path).map_err(|error| usage(format!("cannot read {at}: {error}")))?;
        let read: Baseline = serde_json::from_slice(&text)
            .map_err(|error| usage(format!("{at} is no baseline: {error}: write one with --save")))?;
        match read.kind == "BenchBaseline" && read.api_version == API_VERSION {
            true => Ok(read),
            false => {
                Err(usage(format!("{at} is {} {}, not a baseline: write one with --save", read.api_version, read.kind)))
            }
        }
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("names and numbers can be written as JSON");
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }

    pub fn value(&self, name: &str) -> Option<f64> {
        self.measures.get(name).copied()
    }

    /// By which factor a measure got worse; below 1 it got better. None where there is nothing to compare with.
    pub fn worse(&self, measure: &Measure) -> Option<f64> {
        let was = self.value(measure.name).filter(|was| *was > 0.0 && measure.value > 0.0)?;
        Some(if measure.is_speed { was / measure.value } else { measure.value / was })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(name: &'static str, value: f64, is_speed: bool) -> Measure {
        Measure { name, unit: "", value, is_speed }
    }

    #[test]
    fn fewer_calls_and_more_time_are_worse() {
        let before = Baseline::of("aa", &[measure("call-p50", 10.0, false), measure("calls", 1000.0, true)]);
        let worse = |name, value, is_speed| before.worse(&measure(name, value, is_speed));
        assert_eq!((worse("call-p50", 20.0, false), worse("calls", 500.0, true)), (Some(2.0), Some(2.0)));
        assert_eq!((worse("call-p50", 5.0, false), worse("fuel", 5.0, false)), (Some(0.5), None));
    }

    #[test]
    fn a_baseline_comes_back_as_it_was_saved() {
        let file = tempfile::NamedTempFile::new().unwrap();
        Baseline::of("aa", &[measure("fuel", 7.0, false)]).write(file.path()).unwrap();
        assert_eq!(Baseline::read(file.path()).unwrap().value("fuel"), Some(7.0));
        std::fs::write(file.path(), "{}").unwrap();
        assert!(Baseline::read(file.path()).unwrap_err().to_string().contains("--save"));
    }
}
