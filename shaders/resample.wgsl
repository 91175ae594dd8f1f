// Banded linear operator along one axis, one thread per output element, channels
// fastest, so that neighbouring threads read neighbouring elements at every tap.
// Memory-bound: T reads per element, all but the first from cache.

struct Params {
    axis: u32,
    input: u32,
    output: u32,
    rows: u32,
    height: u32,
    width: u32,
    channels: u32,
    taps: u32,
    tap_channels: u32,
    @size(12) add: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, H, W, C]
@group(0) @binding(1) var<storage, read> taps: array<f32>; // [output, T, 1 or C]
@group(0) @binding(2) var<storage, read> start: array<f32>; // [output], whole numbers
@group(0) @binding(3) var<storage, read> add: array<f32>; // as y, if params.add
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // x with one size changed

// y[k] = add + Σ_t taps[k,t,c] · x[(start[k] + t) mod input]
@compute @workgroup_size(64)
fn resample(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let index = group_index(group, groups) * 64u + local;
    if index >= params.rows * params.width * params.channels {
        return;
    }
    let c = index % params.channels;
    let column = index / params.channels % params.width;
    let row = index / params.channels / params.width;

    // Along y: k is the row in its image, and positions are a row of elements apart.
    var k = row % params.height;
    var stride = params.width * params.channels;
    var first = (row / params.height * params.input * params.width + column) * params.channels + c;
    if params.axis == 1u {
        k = column;
        stride = params.channels;
        first = row * params.input * params.channels + c;
    }

    var sum = 0.0;
    var position = u32(start[k]) % params.input;
    var tap = k * params.taps * params.tap_channels + min(c, params.tap_channels - 1u);
    for (var t = 0u; t < params.taps; t++) {
        sum += taps[tap] * x[first + position * stride];
        tap += params.tap_channels;
        position = select(position + 1u, 0u, position + 1u == params.input);
    }
    if params.add == 1u {
        sum += add[index];
    }
    y[index] = sum;
}
