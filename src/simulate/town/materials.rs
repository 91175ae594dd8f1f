//! What things are made of: reflectance spectra, daylight and the panchromatic response.

/// The bands of the spectra, as WorldView-2 and -3 order them: coastal 425, blue 480, green 545, yellow 605, red 660,
/// red edge 725, NIR1 835, NIR2 950 nm.
pub(super) const BANDS: usize = 8;

pub(super) type Reflectance = [f32; BANDS];

/// Where the bands of a 4-band sensor (blue, green, red, NIR) lie in a [`Reflectance`].
pub(super) const FOUR: [usize; 4] = [1, 2, 4, 6];
pub(super) const EIGHT: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// Share of diffuse sky light in the light on level ground: Rayleigh scattering makes shadows blue.
pub(super) const SKY: Reflectance = [0.36, 0.30, 0.23, 0.20, 0.18, 0.15, 0.125, 0.11];

/// Light the air itself sends to the sensor, in units of reflectance.
pub(super) const HAZE: Reflectance = [0.020, 0.014, 0.009, 0.007, 0.006, 0.005, 0.004, 0.003];

/// Panchromatic weights for 8 bands: response 450–800 nm, so little coastal, little NIR1, no NIR2. Sum 1.
const PAN_EIGHT: [f32; 8] = [0.02, 0.17, 0.22, 0.18, 0.20, 0.15, 0.06, 0.0];
/// The same response spread over 4 bands: yellow goes to green and red, red edge to red and NIR. Sum 1.
const PAN_FOUR: [f32; 4] = [0.20, 0.32, 0.34, 0.14];

/// Panchromatic weights of a band count, in band order; they sum to 1. `None` unless `bands` is 4 or 8.
pub(crate) fn pan_weights(bands: usize) -> Option<&'static [f32]> {
    match bands {
        4 => Some(&PAN_FOUR),
        8 => Some(&PAN_EIGHT),
        _ => None,
    }
}

/// Declares the materials and their spectra together, so that neither can miss the other.
macro_rules! materials {
    ($($name:ident [$($r:literal)*],)*) => {
        /// A pure surface; objects are mixtures of two.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(super) enum Material { $($name),* }

        const SPECTRA: &[Reflectance] = &[$([$($r),*]),*];
    };
}

// Reflectances rounded from what field and laboratory libraries show for such surfaces; chosen by hand.
materials! {
    Lawn         [0.030 0.040 0.092 0.070 0.050 0.260 0.440 0.460],
    DryGrass     [0.058 0.075 0.132 0.150 0.155 0.245 0.330 0.355],
    Broadleaf    [0.022 0.028 0.064 0.048 0.036 0.210 0.400 0.420],
    Autumn       [0.025 0.033 0.078 0.078 0.064 0.210 0.350 0.370],
    Conifer      [0.017 0.022 0.044 0.034 0.026 0.130 0.250 0.260],
    GreenCrop    [0.020 0.028 0.070 0.046 0.031 0.280 0.510 0.520],
    RipeCrop     [0.062 0.088 0.152 0.205 0.228 0.290 0.360 0.390],
    DarkSoil     [0.055 0.070 0.098 0.124 0.145 0.175 0.210 0.230],
    PaleSoil     [0.115 0.148 0.200 0.245 0.270 0.300 0.340 0.360],
    NewAsphalt   [0.056 0.061 0.066 0.069 0.071 0.074 0.079 0.082],
    OldAsphalt   [0.112 0.125 0.139 0.148 0.153 0.159 0.168 0.173],
    Concrete     [0.185 0.215 0.252 0.275 0.288 0.298 0.312 0.317],
    Pavers       [0.130 0.152 0.185 0.222 0.240 0.255 0.270 0.275],
    Gravel       [0.155 0.182 0.218 0.240 0.252 0.264 0.278 0.284],
    WhitePaint   [0.400 0.440 0.475 0.490 0.500 0.500 0.500 0.490],
    RedTile      [0.055 0.066 0.096 0.185 0.255 0.295 0.325 0.335],
    BrownTile    [0.050 0.060 0.082 0.122 0.150 0.178 0.205 0.215],
    Slate        [0.078 0.086 0.093 0.097 0.099 0.102 0.108 0.112],
    WhiteSheet   [0.420 0.470 0.505 0.520 0.525 0.525 0.515 0.500],
    GreySheet    [0.190 0.207 0.222 0.228 0.232 0.234 0.234 0.230],
    Metal        [0.265 0.285 0.296 0.298 0.294 0.288 0.278 0.268],
    BluePanel    [0.165 0.210 0.170 0.130 0.118 0.145 0.235 0.255],
    SolarPanel   [0.034 0.043 0.037 0.033 0.032 0.036 0.050 0.060],
    Glass        [0.040 0.048 0.052 0.050 0.048 0.055 0.065 0.068],
    DeepWater    [0.028 0.035 0.040 0.028 0.019 0.009 0.005 0.003],
    MurkyWater   [0.038 0.050 0.073 0.064 0.048 0.026 0.011 0.006],
    PoolWater    [0.200 0.280 0.290 0.165 0.095 0.040 0.018 0.010],
    RedPaint     [0.040 0.042 0.045 0.110 0.230 0.275 0.300 0.310],
    BluePaint    [0.085 0.135 0.090 0.062 0.055 0.075 0.160 0.210],
    BlackPaint   [0.028 0.029 0.030 0.031 0.032 0.034 0.040 0.045],
    GreenCourt   [0.050 0.065 0.110 0.085 0.070 0.110 0.180 0.200],
    ClayCourt    [0.060 0.076 0.118 0.190 0.238 0.265 0.285 0.295],
}

impl Material {
    pub(crate) fn spectrum(self) -> &'static Reflectance {
        &SPECTRA[self as usize]
    }
}
