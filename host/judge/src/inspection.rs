//! What a file is, as a host sees it.

use std::time::{Duration, Instant};

use serde::de::IgnoredAny;
use sluice_core::{Digest, Limits};
use wasmtime::component::Component;

use crate::guest::{Guest, Prepared, wanted};
use crate::image;
use crate::library::{Library, Unfit};
use crate::run::run;

/// Everything worth knowing about a component before it is bound.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// BLAKE3: what a binding names.
    pub digest: Digest,
    /// Bytes of the component.
    pub bytes: usize,
    /// What it asks for; a validator asks for nothing.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
    /// What it says of itself, if it is a validator.
    pub description: Option<Description>,
    /// Why a host would refuse it; none if it would not.
    pub refusal: Option<String>,
    /// Why its settings have to be taken in by each call; none if an image of it can be made that has them.
    pub imageless: Option<String>,
    /// How long it took to compile here.
    pub compile_time: Duration,
}

/// What a validator says of itself. Not to be believed further than its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it refuses.
    pub summary: String,
    /// The keys it is made for, as globs; any if empty.
    pub keys: Vec<String>,
    /// The keys it looks up besides.
    pub reads: Vec<String>,
    /// A JSON Schema of its settings; what is no JSON is left out.
    pub settings_schema: Option<String>,
}

/// Globs shown of a description.
const LISTED_MAX: usize = 64;

impl Library {
    /// Compiles and asks.
    pub fn inspect(&self, bytes: &[u8]) -> Inspection {
        let mut inspection = Inspection {
            digest: Digest::of(bytes),
            bytes: bytes.len(),
            imports: Vec::new(),
            exports: Vec::new(),
            description: None,
            refusal: None,
            imageless: None,
            compile_time: Duration::ZERO,
        };
        let begun = Instant::now();
        let compiled = self.compiled(bytes);
        inspection.compile_time = begun.elapsed();
        match compiled {
            Ok(component) => {
                self.look_into(&component, &mut inspection);
                inspection.imageless = image::is_possible(bytes).err();
            }
            Err(gap) => inspection.refusal = Some(Unfit::from(gap).0),
        }
        inspection
    }

    fn look_into(&self, component: &Component, inspection: &mut Inspection) {
        let engine = &self.machine.engine;
        let kind = component.component_type();
        inspection.imports = wanted(engine, component);
        inspection.exports = kind.exports(engine).map(|(name, _)| name.to_owned()).collect();
        match Prepared::new(engine, component) {
            Ok(guest) => match self.describe(&guest) {
                Ok(description) => inspection.description = Some(description),
                Err(why) => inspection.refusal = Some(Unfit::new(&why).0),
            },
            Err(why) => inspection.refusal = Some(Unfit::new(&why).0),
        }
    }

    fn describe(&self, guest: &Prepared) -> Result<Description, String> {
        let ask = |guest: &Guest, store: &mut _| guest.describe(store);
        let ran = run(&self.machine, guest, &Limits::DEFAULT, None, ask);
        let said = ran.result.map_err(|stop| format!("cannot describe itself: {}", stop.why()))?;
        let clean = |text: &str| crate::finding::clean(text, 256).to_string();
        let globs = |globs: &[String]| globs.iter().take(LISTED_MAX).map(|glob| clean(glob)).collect();
        Ok(Description {
            name: clean(&said.name),
            version: clean(&said.version),
            summary: clean(&said.summary),
            keys: globs(&said.keys),
            reads: globs(&said.reads),
            settings_schema: said.settings_schema.filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok()),
        })
    }
}
