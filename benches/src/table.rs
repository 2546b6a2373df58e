//! The printed table: a figure, its limit from the same run, their ratio, and the goal.

/// One figure.
pub struct Row {
    pub name: String,
    pub measured: String,
    pub limit: String,
    pub ratio: f64,
    pub goal: Goal,
}

/// What the ratio should be.
#[derive(Clone, Copy)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Shown beside the others, for reading them.
    None,
}

impl Row {
    /// `measured / limit` in the same unit.
    pub fn ratio(name: &str, unit: &str, measured: f64, limit: (&str, f64), goal: Goal) -> Row {
        Row {
            name: name.to_owned(),
            measured: shown(measured, unit),
            limit: format!("{} {}", limit.0, shown(limit.1, unit)),
            ratio: measured / limit.1,
            goal,
        }
    }

    /// The row as one line.
    pub fn line(&self) -> String {
        let (goal, verdict) = match self.goal {
            Goal::AtLeast(least) => {
                (format!(">= {least}"), if self.ratio >= least { "reached" } else { "NOT REACHED" })
            }
            Goal::AtMost(most) => (format!("<= {most}"), if self.ratio <= most { "reached" } else { "NOT REACHED" }),
            Goal::None => (String::new(), ""),
        };
        format!("| {} | {} | {} | {:.2} | {goal} | {verdict} |", self.name, self.measured, self.limit, self.ratio)
    }
}

/// The head of the table.
pub const HEAD: &str = "| figure | measured | limit in the same run | ratio | goal | |\n|---|---|---|---|---|---|";

fn shown(value: f64, unit: &str) -> String {
    match value {
        v if v >= 10_000.0 => format!("{:.1} k{unit}", v / 1000.0),
        v if v >= 100.0 => format!("{v:.0} {unit}"),
        v => format!("{v:.2} {unit}"),
    }
}

/// The middle of some measurements.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
