//! What a node has counted, read from the text format of Prometheus.

use std::collections::BTreeMap;

/// The sums of a node's metrics by name, whatever their labels; and the buckets of its histograms.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Reading {
    values: BTreeMap<String, f64>,
    /// By name: upper bounds, ascending, with how many were up to there.
    buckets: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Reading {
    /// Reads it; lines that it does not understand are passed over.
    pub(super) fn of(text: &str) -> Self {
        let mut reading = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let (name, labels) = name.split_once('{').unwrap_or((name, ""));
            if let Some(histogram) = name.strip_suffix("_bucket") {
                let bound = labels.split('"').nth(1).and_then(bound);
                reading.buckets.entry(histogram.to_owned()).or_default().extend(bound.map(|bound| (bound, value)));
            } else {
                *reading.values.entry(name.to_owned()).or_default() += value;
            }
        }
        reading
    }

    /// A gauge, or the sum of one.
    pub(super) fn gauge(&self, name: &str) -> f64 {
        self.values.get(name).copied().unwrap_or(0.0)
    }

    /// How much a counter has grown since an earlier reading. A node that was started anew begins at zero.
    pub(super) fn grown(&self, before: &Self, counter: &str) -> f64 {
        let (now, then) = (self.gauge(counter), before.gauge(counter));
        if now < then { now } else { now - then }
    }

    /// The smallest bound that at least this share of what a histogram has counted since an earlier reading is within; `None`: nothing
    /// was counted.
    pub(super) fn quantile(&self, before: &Self, histogram: &str, share: f64) -> Option<f64> {
        let now = self.buckets.get(histogram)?;
        let then = before.buckets.get(histogram).map_or(&[][..], Vec::as_slice);
        let counted: Vec<(f64, f64)> = now
            .iter()
            .enumerate()
            .map(|(nth, (bound, count))| (*bound, count - then.get(nth).map_or(0.0, |(_, then)| *then)))
            .collect();
        let all = counted.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
        counted.into_iter().find(|(_, count)| *count >= all * share).map(|(bound, _)| bound)
    }
}

fn bound(text: &str) -> Option<f64> {
    if text == "+Inf" { Some(f64::INFINITY) } else { text.parse().ok() }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these are whole numbers")]
mod tests {
    use super::*;

    const BEFORE: &str = "# TYPE stonechat_sessions gauge\nstonechat_sessions 3\nstonechat_closed_total{reason=\"A\"} 1\n\
        stonechat_closed_total{reason=\"B\"} 2\nstonechat_t_bucket{le=\"0.1\"} 5\nstonechat_t_bucket{le=\"0.2\"} 5\n\
        stonechat_t_bucket{le=\"+Inf\"} 5\nstonechat_t_sum 1\n# EOF\n";

    #[test]
    fn labels_are_summed_and_strange_lines_passed_over() {
        let reading = Reading::of(&format!("{BEFORE}nonsense\nstonechat_x y\n"));
        assert_eq!(reading.gauge("stonechat_sessions"), 3.0);
        assert_eq!(reading.gauge("stonechat_closed_total"), 3.0);
        assert_eq!(reading.gauge("stonechat_unknown"), 0.0);
    }

    #[test]
    fn counters_grow_and_begin_anew_with_their_node() {
        let before = Reading::of("stonechat_a_total 10\n");
        assert_eq!(Reading::of("stonechat_a_total 15\n").grown(&before, "stonechat_a_total"), 5.0);
        assert_eq!(Reading::of("stonechat_a_total 4\n").grown(&before, "stonechat_a_total"), 4.0);
    }

    #[test]
    fn quantiles_are_of_what_came_in_between() {
        let before = Reading::of(BEFORE);
        assert_eq!(before.quantile(&before, "stonechat_t", 0.5), None);
        let now = Reading::of(
            "stonechat_t_bucket{le=\"0.1\"} 5\nstonechat_t_bucket{le=\"0.2\"} 104\nstonechat_t_bucket{le=\"+Inf\"} 105\n",
        );
        assert_eq!(now.quantile(&before, "stonechat_t", 0.5), Some(0.2));
        assert_eq!(now.quantile(&before, "stonechat_t", 0.99), Some(0.2));
        assert_eq!(now.quantile(&before, "stonechat_t", 1.0), Some(f64::INFINITY));
    }
}
