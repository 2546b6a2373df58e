//! The store on real files: what comes back, and what happens when the files are not what they were.

mod damage;
mod folder;
mod generations;
mod history;
mod round_trip;
