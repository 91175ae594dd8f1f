
// ---- shared by all shaders ----

// Same layout as `graph::Step`.
struct Step {
    rate: f32,
    rescale: f32,
    turn: u32,
    unturn: u32,
    crops: array<vec4u, 16>,
}

// Constants of the call, and what changes from one run to the next.
@group(1) @binding(0) var<uniform> params: Params;
@group(1) @binding(1) var<uniform> step: Step;

// Number of a workgroup in a grid folded at WebGPU's limit of 65535 per dimension.
fn group_index(group: vec3u, groups: vec3u) -> u32 {
    return group.y * groups.x + group.x;
}
