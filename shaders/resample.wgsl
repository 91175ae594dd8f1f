// resample
