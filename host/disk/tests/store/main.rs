//! The store on real files: what comes back, and what happens when the files are not what they were.

mod crashes;
mod damage;
mod disk;
mod folder;
mod generations;
mod history;
mod probation;
mod round_trip;
mod strangers;
