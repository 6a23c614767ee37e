//! How the rate of an open loop goes over time, as the instant by which a number of requests is wanted. Knows nothing
//! of chance: the plan draws how many are wanted next.

use facts::plan::Pace;

/// A rate over time, in requests a second and seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Course {
    /// Always the same.
    Flat(f64),
    /// Evenly from one to the other in this time; then it stays.
    Ramp { from: f64, to: f64, over: f64 },
    /// In stairs of the same length.
    Stairs { from: f64, to: f64, steps: u32, over: f64 },
}

impl Course {
    /// `None` for a pace that is not at random.
    pub(crate) fn of(pace: Pace) -> Option<Course> {
        let seconds = |nanos: u64| nanos as f64 / 1e9;
        match pace {
            Pace::Poisson { per_second } => Some(Course::Flat(per_second)),
            Pace::Ramp { from, to, over_ns } => Some(Course::Ramp { from, to, over: seconds(over_ns) }),
            Pace::Step { from, to, steps, over_ns } => {
                Some(Course::Stairs { from, to, steps, over: seconds(over_ns) })
            }
            _ => None,
        }
    }

    /// Seconds after which this many requests have been wanted: the inverse of the integral of the rate.
    pub(crate) fn seconds_to(self, wanted: f64) -> f64 {
        match self {
            Course::Flat(rate) => wanted / rate,
            Course::Ramp { from, to, over } => {
                let on_the_way = (from + to) / 2.0 * over;
                if wanted >= on_the_way {
                    return over + (wanted - on_the_way) / to;
                }
                let slope = (to - from) / over;
                // The solution of `from t + slope t²/2 = wanted` that loses no digits when the slope is small.
                2.0 * wanted / (from + (from * from + 2.0 * slope * wanted).max(0.0).sqrt())
            }
            Course::Stairs { from, to, steps, over } => {
                let length = over / f64::from(steps);
                let (mut left, mut seconds) = (wanted, 0.0);
                for step in 0..steps {
                    let rate = from + (to - from) * f64::from(step) / f64::from(steps);
                    if left < rate * length {
                        return seconds + left / rate;
                    }
                    left -= rate * length;
                    seconds += length;
                }
                seconds + left / to
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reaches(course: Course, wanted: f64, seconds: f64) {
        let got = course.seconds_to(wanted);
        assert!((got - seconds).abs() < 1e-9, "{course:?}: {wanted} after {got} s, expected {seconds}");
    }

    #[test]
    fn a_course_is_where_its_integral_says() {
        reaches(Course::Flat(50.0), 100.0, 2.0);
        let up = Course::Ramp { from: 0.0, to: 100.0, over: 10.0 };
        reaches(up, 125.0, 5.0);
        reaches(up, 500.0, 10.0);
        reaches(up, 600.0, 11.0);
        reaches(Course::Ramp { from: 100.0, to: 0.0001, over: 10.0 }, 375.000_125, 5.0);
        reaches(Course::Ramp { from: 10.0, to: 10.0, over: 5.0 }, 20.0, 2.0);
        let stairs = Course::Stairs { from: 10.0, to: 30.0, steps: 2, over: 4.0 };
        reaches(stairs, 10.0, 1.0);
        reaches(stairs, 20.0, 2.0);
        reaches(stairs, 40.0, 3.0);
        reaches(stairs, 60.0, 4.0);
        reaches(stairs, 90.0, 5.0);
    }
}
