//! What a host took lately, read back from the files of its store: when the log has lost the end of it, here it still is.

use std::path::Path;

use sluice_core::{Lost, State, fold};
use sluice_node::ports::Past;

use crate::folder::{list, name};
use crate::frame::{Frames, Head, Kind, read};
use crate::image;
use crate::log::Records;
use crate::position::Position;

/// Shows the history that ends with what is on disk now, from the oldest image that is kept on. The newest record may be
/// on its way meanwhile: it is shown when it is whole.
pub fn show(folder: &Path, see: &mut dyn FnMut(Past<'_>)) -> Result<(), Lost> {
    let lost = |error: &dyn std::fmt::Display| Lost(format!("{}: {error}", folder.display()));
    let listing = list(folder).map_err(|error| lost(&error))?;
    let (mut state, mut position) = (State::default(), Position::default());
    let mut is_begun = false;
    for number in &listing.logs {
        let Some((head, frames)) = opened(folder, Kind::Log, *number) else { continue };
        if head.start != position || !is_begun {
            // Its own image, unless it is the very first log, which begins with nothing.
            state = match opened(folder, Kind::Image, *number) {
                Some((head, frames)) => match image::load(&head, frames).map_err(|error| lost(&error))? {
                    Ok(state) => state,
                    Err(_) => continue,
                },
                None if head.start == Position::default() => State::default(),
                None => continue,
            };
            (position, is_begun) = (head.start, true);
            see(Past::Begins(&state));
        }
        for placed in Records::new(frames) {
            let Ok(placed) = placed else { break };
            let after = position.after(&placed.record.steps);
            if after != placed.record.after {
                break;
            }
            for step in &placed.record.steps {
                let before = state.clone();
                fold::replay(&mut state, step);
                see(Past::Took { before: &before, step, after: &state });
            }
            position = after;
        }
    }
    Ok(())
}

fn opened(folder: &Path, kind: Kind, number: u64) -> Option<(Head, Frames)> {
    read(&folder.join(name(kind, number)), kind).ok()
}
