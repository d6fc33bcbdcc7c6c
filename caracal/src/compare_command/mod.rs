//! `caracal compare`: reports of several backtests side by side.

mod args;
mod figures;
mod page;
mod read;

use std::path::Path;

use serde_json::{Value, json};

pub(crate) use args::CompareArgs;

use crate::backtest_command::whole;
use crate::output::{Failure, say};
use figures::{Figure, figures};
use read::{Loaded, differing, load};

/// Runs the command.
///
/// # Errors
///
/// [`Failure`]: a directory without a backtest's report, or a page that cannot be written.
pub(crate) fn run(args: &CompareArgs) -> Result<(), Failure> {
    let runs = load(&args.reports)?;
    let figures = figures(&runs);
    let differing = differing(&runs);
    let mut told = json!({
        "runs": runs.iter().map(|run| json!({
            "name": run.name,
            "dir": run.dir.display().to_string(),
        })).collect::<Vec<_>>(),
        "figures": figures.iter().map(Figure::to_json).collect::<Vec<_>>(),
        "differing": differing.iter().map(|(what, values)| json!({
            "what": what,
            "values": values,
        })).collect::<Vec<_>>(),
    });
    if let Some(path) = &args.out {
        write(path, &page::page(&told, &runs)?)?;
        told["page"] = path.display().to_string().into();
    }
    if args.json {
        return say(&told.to_string());
    }
    print(&runs, &figures, &differing)?;
    match &args.out {
        Some(path) => say(&format!("\npage: {}", path.display())),
        None => Ok(()),
    }
}

fn write(path: &Path, page: &str) -> Result<(), Failure> {
    let place = path.display();
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Err(Failure::Message(format!("--out {place}: must name a file")));
    };
    let above = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    whole(above.unwrap_or(Path::new(".")), name, page)
}

/// Two columns a run behind the first: its value, and the difference to the first one's.
fn print(
    runs: &[Loaded],
    figures: &[Figure],
    differing: &[(String, Vec<Value>)],
) -> Result<(), Failure> {
    let mut rows = vec![vec!["".to_owned()]];
    for (index, run) in runs.iter().enumerate() {
        rows[0].push(run.name.clone());
        if index > 0 {
            rows[0].push(format!("- {}", runs[0].name));
        }
    }
    for figure in figures {
        let unit = if figure.unit.is_empty() { "" } else { ", " };
        let mut row = vec![format!("{}{unit}{}", figure.name, figure.unit)];
        for index in 0..runs.len() {
            row.push(figure.shown(figure.values[index]));
            if index > 0 {
                row.push(figure.shown_difference(index));
            }
        }
        rows.push(row);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    for row in &rows {
        let mut line = format!("{:<1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            line += &format!("  {cell:>width$}");
        }
        say(line.trim_end())?;
    }
    if differing.is_empty() {
        return say("\nprogram, configuration and data are the same");
    }
    say("\ndifferent:")?;
    for (what, values) in differing {
        let values = values.iter().map(|value| {
            if value.is_null() {
                "not there".to_owned()
            } else {
                value.to_string()
            }
        });
        say(&format!(
            "  {what}: {}",
            values.collect::<Vec<_>>().join(" | ")
        ))?;
    }
    Ok(())
}
