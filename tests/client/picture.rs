//! A terminal's screen as an SVG: the picture of the README, made from a real run.
#![allow(clippy::unwrap_used, reason = "what tests share; allow-unwrap-in-tests misses it")]

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

/// A cell, in pixels.
const WIDTH: u16 = 9;
/// See [`WIDTH`].
const HEIGHT: u16 = 19;
/// Around the screen.
const MARGIN: u16 = 12;
/// The colours of a terminal, 0 to 15.
const PALETTE: [&str; 16] = [
    "#1b1f27", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4", "#7f8794", "#e88d94",
    "#aed595", "#ecd29b", "#85c2f4", "#d49ae6", "#7cc6d0", "#ffffff",
];
const FOREGROUND: &str = "#c8ccd4";
const BACKGROUND: &str = "#1b1f27";

/// How some cells in a row look.
#[derive(Clone, PartialEq, Eq)]
struct Style {
    foreground: String,
    background: String,
    is_bold: bool,
}

/// The screen as a picture.
pub(crate) fn svg(screen: &Screen, title: &str) -> String {
    let (rows, columns) = size(screen);
    let (width, height) = (columns * WIDTH + 2 * MARGIN, rows * HEIGHT + 2 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"15\" \
         xml:space=\"preserve\">\n",
        escaped(title)
    );
    for row in 0..rows {
        draw_row(&mut out, screen, row);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// Runs of cells that look alike are one text, squeezed or stretched to the width of its cells.
fn draw_row(out: &mut String, screen: &Screen, row: u16) {
    let (_, columns) = size(screen);
    let mut column = 0;
    while column < columns {
        let Some(first) = screen.cell(row, column) else { break };
        let (begin, style, mut text) = (column, style(first), String::new());
        while let Some(cell) = screen.cell(row, column).filter(|cell| self::style(cell) == style) {
            text.push_str(if cell.contents().is_empty() { " " } else { cell.contents() });
            column += if cell.is_wide() { 2 } else { 1 };
        }
        draw_run(out, (row, begin, column - begin), &style, &text);
    }
}

fn draw_run(out: &mut String, (row, column, cells): (u16, u16, u16), style: &Style, text: &str) {
    let (x, y) = (MARGIN + column * WIDTH, MARGIN + row * HEIGHT);
    let width = cells * WIDTH;
    if style.background != BACKGROUND {
        let fill = &style.background;
        writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{fill}\"/>")
            .expect("a String takes all");
    }
    if text.trim().is_empty() {
        return;
    }
    // Blanks at the ends are left out, and others kept, whatever a browser makes of blanks.
    let blanks_ahead = u16::try_from(text.len() - text.trim_start().len()).unwrap();
    let blanks_behind = u16::try_from(text.len() - text.trim_end().len()).unwrap();
    let (x, width) = (x + blanks_ahead * WIDTH, width - (blanks_ahead + blanks_behind) * WIDTH);
    let text = &text.trim().replace("  ", "\u{a0}\u{a0}");
    let weight = if style.is_bold { " font-weight=\"bold\"" } else { "" };
    writeln!(
        out,
        "<text x=\"{x}\" y=\"{}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{weight}>{}</text>",
        y + HEIGHT - 5,
        style.foreground,
        escaped(text)
    )
    .expect("a String takes all");
}

fn size(screen: &Screen) -> (u16, u16) {
    let (rows, columns) = screen.size();
    (rows.into(), columns.into())
}

fn style(cell: &Cell) -> Style {
    let (mut foreground, mut background) = (color(cell.fgcolor(), FOREGROUND), color(cell.bgcolor(), BACKGROUND));
    if cell.inverse() {
        std::mem::swap(&mut foreground, &mut background);
    }
    if cell.dim() {
        PALETTE[8].clone_into(&mut foreground);
    }
    Style { foreground, background, is_bold: cell.bold() }
}

fn color(color: Color, default: &str) -> String {
    match color {
        Color::Default => default.to_owned(),
        Color::Idx(index) => PALETTE.get(usize::from(index)).copied().unwrap_or(default).to_owned(),
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
