// A layer's weights seen from another side: a permutation that the step chooses among a few.

struct Params {
    len: u32,
    @size(12) back: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [len]
@group(0) @binding(1) var<storage, read> places: array<f32>; // [turns, len], whole numbers below 2^24
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [len]

// y[i] = x[places[turn, i]]
@compute @workgroup_size(64)
fn turn(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.len {
        return;
    }
    let which = select(step.turn, step.unturn, params.back == 1u);
    y[i] = x[u32(places[which * params.len + i])];
}

