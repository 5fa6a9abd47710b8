//! Plots as SVG, drawn by the `plotters` crate into text.

use plotters::coord::Shift;
use plotters::prelude::*;

/// Colours that people with any sight tell apart (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(148, 148, 148),
];
const SIZE: (u32, u32) = (860, 380);
const FONT: (&str, u32) = ("sans-serif", 14);

/// One line of a plot.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// Which colour: the same target has the same in all plots.
    pub(super) colour: usize,
    /// From left to right; all above zero.
    pub(super) points: Vec<(f64, f64)>,
}

/// What the axes say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axes<'a> {
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// How a value of x is written.
    pub(super) x_text: fn(f64) -> String,
    /// Where the names of the lines cover the least of them.
    pub(super) names: Corner,
}

/// A corner of a plot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Corner {
    UpperLeft,
    LowerRight,
}

/// The colour of a bar, as CSS.
pub(super) fn css(colour: usize) -> String {
    let RGBColor(red, green, blue) = shade(colour);
    format!("rgb({red},{green},{blue})")
}

/// Lines over two logarithmic axes.
///
/// # Errors
///
/// The crate's word. A plot without a point is an empty text.
pub(super) fn lines(axes: Axes<'_>, lines: &[Line]) -> Result<String, String> {
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let Some(((x_min, x_max), (y_min, y_max))) =
        borders(points().map(|(x, _)| x)).zip(borders(points().map(|(_, y)| y)))
    else {
        return Ok(String::new());
    };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, axes, lines, x_min..x_max, y_min..y_max)
            .map_err(|error| format!("a plot cannot be drawn: {error}"))?;
    }
    Ok(svg)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;
type Range = std::ops::Range<f64>;

fn draw(area: &DrawingArea<SVGBackend<'_>, Shift>, axes: Axes<'_>, lines: &[Line], x: Range, y: Range) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(RGBColor(236, 236, 236))
        .bold_line_style(RGBColor(214, 214, 214))
        .label_style(FONT)
        .axis_desc_style(FONT)
        .x_desc(axes.x)
        .y_desc(axes.y)
        .x_label_formatter(&|value| (axes.x_text)(*value))
        .y_label_formatter(&|value| super::markup::number(*value))
        .draw()?;
    for line in lines {
        let style = shade(line.colour).stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        if line.points.len() <= 12 {
            chart.draw_series(line.points.iter().map(|point| Circle::new(*point, 3, shade(line.colour).filled())))?;
        }
    }
    chart
        .configure_series_labels()
        .position(match axes.names {
            Corner::UpperLeft => SeriesLabelPosition::UpperLeft,
            Corner::LowerRight => SeriesLabelPosition::LowerRight,
        })
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(214, 214, 214))
        .label_font(FONT)
        .draw()?;
    area.present()?;
    Ok(())
}

fn shade(colour: usize) -> RGBColor {
    COLOURS.get(colour % COLOURS.len()).copied().unwrap_or(BLACK)
}

/// Borders for an axis, with some room, of the values above zero.
fn borders(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let known = values.filter(|value| value.is_finite() && *value > 0.0);
    let (min, max) = known.fold((f64::INFINITY, 0.0f64), |(min, max), value| (min.min(value), max.max(value)));
    (max > 0.0).then(|| (min / 1.2, max * 1.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_of_nothing_is_nothing() {
        let axes = Axes { x: "x", y: "y", x_text: super::super::markup::number, names: Corner::UpperLeft };
        assert_eq!(lines(axes, &[]).unwrap(), "");
        let flat = Line { name: "a".to_owned(), colour: 0, points: vec![(1.0, 5.0)] };
        assert!(lines(axes, &[flat]).unwrap().contains("<svg"));
    }
}
