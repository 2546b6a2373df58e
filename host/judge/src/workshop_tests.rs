use sluice_artifacts::BOUNDS;
use sluice_node::memory::MemoryBlobs;

use super::*;
use crate::compiler::{Bounds, Child, Compiler};
use crate::library::Settings;

#[test]
fn what_cannot_be_made_is_left_alone_for_a_while_and_what_is_missing_is_not() {
    let (bench, order) = (Bench::default(), Digest::ZERO);
    let gap = || Err(Gap::Missing("it died".into()));
    assert!(matches!(bench.begin(order), Begun::Now(None)) && matches!(bench.begin(order), Begun::Already(None)));
    bench.missing(order, "away".into());
    assert!(matches!(bench.begin(order), Begun::Now(Some(Gap::Missing(why))) if why == "away"));
    assert!(
        matches!(bench.begin(order), Begun::Already(Some(Gap::Missing(why))) if why == "away"),
        "still the last word"
    );
    bench.end(order, gap(), Some(Instant::now()));
    assert!(matches!(bench.begin(order), Begun::Not(Gap::Missing(why)) if why == "it died"));
    let long_ago = Instant::now().checked_sub(Duration::from_secs(3)).unwrap();
    bench.end(order, gap(), Some(long_ago));
    assert!(matches!(bench.begin(order), Begun::Now(Some(_))), "two seconds are over");
    bench.end(order, gap(), Some(long_ago));
    assert!(matches!(bench.begin(order), Begun::Not(_)), "four are not");
    assert_eq!((pause(0), pause(3), pause(u32::MAX)), (PAUSE.0, Duration::from_secs(8), PAUSE.1));
}

#[test]
fn what_is_unfit_stays_so_and_what_was_made_is_forgotten() {
    let (bench, order) = (Bench::default(), Digest::ZERO);
    bench.end(order, Ok(()), Some(Instant::now()));
    assert!(matches!(bench.begin(order), Begun::Now(None)));
    bench.end(order, Err(Gap::Unfit("no".into())), None);
    assert!(matches!(bench.begin(order), Begun::Not(Gap::Unfit(_))));
}

#[test]
fn an_image_of_an_earlier_process_is_taken_and_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(r#"{{"keys": ["**"], "component": "{}", "settings": {{}}}}"#, Digest::of(BOUNDS));
    let binding = Binding::parse("v", text.as_bytes()).unwrap();
    let settings = Settings { cache: Some(folder.path().into()), ..Settings::default() };
    Library::open(&settings).unwrap().bake(BOUNDS, &binding).unwrap();

    // Neither a compiler nor the component is to be had now.
    let nowhere = Child { program: "/nowhere".into(), args: Vec::new(), bounds: Bounds::default() };
    let library = Library::open(&Settings { compiler: Compiler::Child(nowhere), ..settings }).unwrap();
    let (library, runtime) = (Arc::new(library), tokio::runtime::Runtime::new().unwrap());
    let workshop = Workshop::new(library.clone(), Arc::<MemoryBlobs>::default(), runtime.handle().clone());
    let name = library.image_name(&binding);
    workshop.configured(&binding, image::WORTH_FUEL - 1);
    workshop.wait();
    assert!(library.at_hand(name).is_none(), "it is not worth it");
    workshop.configured(&binding, image::WORTH_FUEL);
    workshop.wait();
    assert!(library.at_hand(name).is_some());
}
