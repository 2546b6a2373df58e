//! The surfaces over real sockets, with a real node and ports in memory behind them.

mod edge;
mod hostile;
mod promises;
mod publishing;
mod reading;
mod stopping;
mod watching;
