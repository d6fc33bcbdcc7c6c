//! A series over time in bounded memory: when it is full, every second point goes and the interval
//! between points doubles.

/// Points of a series at even intervals.
#[derive(Debug, Clone)]
pub struct Series<T> {
    points: Vec<(u64, T)>,
    most: usize,
    /// Every how many samples a point is kept.
    every: u64,
    samples: u64,
}

impl<T: Clone> Series<T> {
    /// An empty series of at most `most` points, an even number from 2.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self {
            points: Vec::new(),
            most,
            every: 1,
            samples: 0,
        }
    }

    /// Adds a sample; it becomes a point if its turn has come.
    pub fn add(&mut self, time_ns: u64, value: T) {
        if self.samples.is_multiple_of(self.every) {
            if self.points.len() == self.most {
                let kept = self.points.iter().step_by(2).cloned().collect();
                self.points = kept;
                self.every *= 2;
            }
            if self.samples.is_multiple_of(self.every) {
                self.points.push((time_ns, value));
            }
        }
        self.samples += 1;
    }

    /// The points: nanoseconds since the Unix epoch, and the value.
    #[must_use]
    pub fn points(&self) -> &[(u64, T)] {
        &self.points
    }

    /// Every how many samples a point was kept.
    #[must_use]
    pub const fn every(&self) -> u64 {
        self.every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_keeps_even_intervals_within_its_bound() {
        let mut series = Series::new(8);
        for sample in 0..1_000_u64 {
            series.add(sample * 10, sample);
            assert!(series.points().len() <= 8);
        }
        let points = series.points();
        assert!(points.len() > 4);
        let step = series.every();
        for (index, (time_ns, value)) in points.iter().enumerate() {
            assert_eq!(*value, index as u64 * step);
            assert_eq!(*time_ns, value * 10);
        }
    }
}
