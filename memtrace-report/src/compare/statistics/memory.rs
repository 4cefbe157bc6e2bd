//! The memory of a series: the time for which a value above the mean tends to be followed by others above it.
//!
//! The model is white noise plus a part whose correlation decays exponentially. Every pair of decay time and share of
//! that part is weighed by its likelihood, given the energy of the series' Haar wavelets at each scale: short scales
//! show the noise, long ones the memory, and no single estimate has to be trusted where the data allow many.

/// Wavelets of a scale that count at most. Stalls are not Gaussian, so the many wavelets of the shortest scales would
/// outvote those of the long scales, which matter here.
const MOST_WAVELETS: f64 = 64.0;
/// Shares of the variance of long sums that come from the part with memory, beside all of it.
const SHARES: u32 = 10;
/// Factor from one decay time to the next.
const STEP: f64 = 1.4;

/// The memory of a series, as weights of models that add up to 1.
#[derive(Clone, Debug)]
pub struct Memory(Vec<Model>);

#[derive(Clone, Copy, Debug)]
struct Model {
    weight: f64,
    /// Decay time, in steps of the series.
    decay: f64,
    /// Share of the part with memory in the variance of long sums.
    share: f64,
}

impl Model {
    /// Variance of the sum of `n` steps, in units of the variance of long sums per step.
    fn variance_of_sum(&self, n: f64) -> f64 {
        (1.0 - self.share) * n + self.share * self.decay * (n / self.decay - 1.0 + (-n / self.decay).exp())
    }

    /// Expected energy of a wavelet with two halves of `half` steps.
    fn energy(&self, half: f64) -> f64 {
        (4.0 * self.variance_of_sum(half) - self.variance_of_sum(2.0 * half)) / (2.0 * half)
    }

    /// Spectral density at an angular frequency, in units of that at 0.
    fn spectrum(&self, frequency: f64) -> f64 {
        1.0 - self.share + self.share / (1.0 + (frequency * self.decay).powi(2))
    }
}

impl Memory {
    /// The memory of a series of at least 8 values; without variation it has none.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let scales = scales(values);
        let none = Model { weight: 1.0, decay: 1.0, share: 0.0 };
        if scales.first().is_none_or(|scale| scale.energy <= 0.0) {
            return Self(vec![none]);
        }
        let mut models: Vec<Model> = Vec::new();
        let mut consider = |decay: f64, share: f64, prior: f64| {
            let model = Model { weight: 0.0, decay, share };
            models.push(Model { weight: prior + likelihood(&scales, &model), ..model });
        };
        // Long memory needs more evidence than short, and memory more than none: else a third of the variance could
        // always come from something slower than the recording can show.
        consider(none.decay, none.share, 1.0);
        let mut decay = 1.0;
        while decay < float(values.len()) / 6.0 {
            for share in (1..=SHARES).map(|n| 1.0 - 0.5_f64.powf(f64::from(n) * 0.6)).chain([1.0]) {
                consider(decay, share, -decay.ln());
            }
            decay *= STEP;
        }
        let best = models.iter().map(|model| model.weight).fold(f64::NEG_INFINITY, f64::max);
        models.iter_mut().for_each(|model| model.weight = (model.weight - best).exp());
        let sum: f64 = models.iter().map(|model| model.weight).sum();
        models.iter_mut().for_each(|model| model.weight /= sum);
        Self(models)
    }

    /// Decay time, in steps.
    #[must_use]
    pub fn steps(&self) -> f64 {
        let shares: f64 = self.0.iter().map(|model| model.weight * model.share).sum();
        let times: f64 = self.0.iter().map(|model| model.weight * model.share * model.decay).sum();
        if shares > 0.0 { times / shares } else { 0.0 }
    }

    /// Spectral density at the cosine that has `half_waves` half waves in a series of `n` values, in units of that at
    /// 0.
    #[must_use]
    pub fn spectrum(&self, half_waves: usize, n: f64) -> f64 {
        let frequency = std::f64::consts::PI * float(half_waves) / n;
        self.0.iter().map(|model| model.weight * model.spectrum(frequency)).sum()
    }
}

/// Mean energy of the wavelets of a scale.
struct Scale {
    half: f64,
    energy: f64,
    wavelets: f64,
}

/// The scales of a series, from one step to the longest with four wavelets.
fn scales(values: &[f64]) -> Vec<Scale> {
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    sums.extend(values.iter().map(|value| {
        sum += value;
        sum
    }));
    let mut scales = Vec::new();
    let mut half = 1;
    while 8 * half <= values.len() {
        let wavelets = values.len() / (2 * half);
        let energy = |at: usize| {
            let [begin, middle, end] = [at, at + half, at + 2 * half].map(|at| sums[at]);
            (end - 2.0 * middle + begin).powi(2)
        };
        let energy = (0..wavelets).map(|n| energy(2 * half * n)).sum::<f64>() / float(wavelets * 2 * half);
        scales.push(Scale { half: float(half), energy, wavelets: float(wavelets).min(MOST_WAVELETS) });
        half *= 2;
    }
    scales
}

/// Logarithm of the likelihood of these energies, with the variance that fits the model best.
fn likelihood(scales: &[Scale], model: &Model) -> f64 {
    let (mut wavelets, mut ratios, mut logs) = (0.0, 0.0, 0.0);
    for scale in scales {
        let expected = model.energy(scale.half);
        wavelets += scale.wavelets;
        ratios += scale.wavelets * scale.energy / expected;
        logs += scale.wavelets * expected.ln();
    }
    -0.5 * (logs + wavelets * (ratios / wavelets).ln())
}

#[expect(clippy::cast_precision_loss, reason = "a number of steps of a recording")]
fn float(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::Memory;

    /// An AR(1) series whose correlation decays by `coefficient` a step, with white noise.
    fn series(coefficient: f64, noise: f64, n: usize, seed: u64) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        // Twelve uniform numbers are nearly normal.
        let mut normal = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let mut value = 0.0;
        let mut step = || {
            value = coefficient * value + normal();
            value + noise * normal()
        };
        (0..100 + n).map(|_| step()).skip(100).collect()
    }

    #[test]
    fn the_decay_of_a_known_series_is_found() {
        // exp(-1/10): a decay time of 10 steps.
        let coefficient = (-0.1_f64).exp();
        for (noise, seed) in [(0.0, 1), (0.0, 2), (2.0, 3), (2.0, 4)] {
            let memory = Memory::of(&series(coefficient, noise, 4000, seed));
            assert!((7.0..14.0).contains(&memory.steps()), "{noise} {seed}: {}", memory.steps());
            // The density of the series is half of that at 0 where the frequency is one over the decay time.
            let half_waves = (4000.0 / 10.0 / std::f64::consts::PI) as usize;
            assert!((0.35..0.65).contains(&memory.spectrum(half_waves, 4000.0)), "{noise} {seed}");
        }
    }

    #[test]
    fn noise_has_none() {
        for seed in 1..20 {
            let memory = Memory::of(&series(0.0, 1.0, 2000, seed));
            assert!(memory.spectrum(8, 2000.0) > 0.9, "{seed}: {}", memory.spectrum(8, 2000.0));
        }
    }

    #[test]
    fn a_series_without_variation_has_none() {
        let memory = Memory::of(&[3.0; 100]);
        assert!(memory.steps() == 0.0 && memory.spectrum(50, 100.0) == 1.0);
    }
}
