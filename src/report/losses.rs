//! The losses of a training, phase by phase.

use serde::Serialize;

use crate::method::StepRecord;

/// Rows of numbers under named columns; the first column is the epoch, from 1.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// Names of the columns.
    pub columns: Vec<&'static str>,
    /// One row per epoch or step.
    pub rows: Vec<Vec<f64>>,
}

impl Series {
    /// Epoch and value of a column.
    pub(super) fn points(&self, column: usize) -> Vec<[f64; 2]> {
        self.rows.iter().map(|row| [row[0], row[column]]).collect()
    }
}

/// Losses by phase.
#[derive(Clone, Debug, Serialize)]
pub struct Losses {
    /// Degradation network: mean over the crops of an epoch.
    pub dam: Series,
    /// Reduced-resolution steps.
    pub reduced: Series,
    /// Full-resolution steps: the two terms, and their weighted sum.
    pub full: Series,
}

impl Losses {
    /// Sorts the steps of a training.
    pub fn of(steps: &[StepRecord]) -> Self {
        // Per epoch of the degradation network: sum and number of its losses.
        let mut epochs = Vec::<(u32, f64, u32)>::new();
        let (mut reduced, mut full) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                StepRecord::Dam { epoch, loss, .. } => match epochs.last_mut().filter(|last| last.0 == *epoch) {
                    Some((_, sum, count)) => (*sum, *count) = (*sum + f64::from(*loss), *count + 1),
                    None => epochs.push((*epoch, f64::from(*loss), 1)),
                },
                StepRecord::Reduced { epoch, loss, .. } => reduced.push(vec![f64::from(*epoch), f64::from(*loss)]),
                StepRecord::Full { epoch, spectral, spatial, loss, .. } => {
                    full.push(vec![f64::from(*epoch), f64::from(*spectral), f64::from(*spatial), *loss]);
                }
            }
        }
        let dam = epochs.iter().map(|(epoch, sum, count)| vec![f64::from(*epoch), sum / f64::from(*count)]).collect();
        Self {
            dam: Series { columns: vec!["epoch", "loss"], rows: dam },
            reduced: Series { columns: vec!["epoch", "loss"], rows: reduced },
            full: Series { columns: vec!["epoch", "spectral", "spatial", "loss"], rows: full },
        }
    }
}
