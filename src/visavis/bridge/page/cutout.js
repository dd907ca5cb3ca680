// Draws the person out of sheets that hold colour above and opacity below (a codec has no opacity of its own), as a flat picture in the room.

const VERTEX = `#version 300 es
uniform mat4 projection, view, model;
uniform vec4 edges; // left, right, bottom, top in metres
out vec2 place; // in the picture, 0 to 1, from its upper left corner
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  place = vec2(corner.x, 1.0 - corner.y);
  gl_Position = projection * view * model * vec4(mix(edges.x, edges.y, corner.x), mix(edges.z, edges.w, corner.y), 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D sheet;
uniform vec2 texel; // of the sheet
uniform float presence;
in vec2 place;
out vec4 colour;
void main() {
  // Half a texel away from the border between the two halves, so that neither is filtered into the other.
  vec2 at = vec2(place.x, clamp(place.y * 0.5, texel.y, 0.5 - texel.y));
  float opacity = texture(sheet, at + vec2(0.0, 0.5)).g;
  opacity = clamp((opacity - 0.03) / 0.94, 0.0, 1.0); // the codec's noise at both ends
  // The picture ends at the hips and cuts what is at its sides: it fades out there.
  opacity *= smoothstep(0.0, 0.10, 1.0 - place.y) * smoothstep(0.0, 0.03, min(place.x, 1.0 - place.x));
  opacity *= presence;
  colour = vec4(texture(sheet, at).rgb * opacity, opacity);
}`;

export class Cutout {
  constructor(gl) {
    this.gl = gl;
    this.size = null; // [width, height] of the picture, half a sheet
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(`the shader: ${gl.getProgramInfoLog(this.program)}`);
    this.where = Object.fromEntries(["projection", "view", "model", "edges", "texel", "presence"].map((name) => [name, gl.getUniformLocation(this.program, name)]));
    this.points = gl.createVertexArray();
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    for (const [name, value] of [["MIN_FILTER", "LINEAR"], ["MAG_FILTER", "LINEAR"], ["WRAP_S", "CLAMP_TO_EDGE"], ["WRAP_T", "CLAMP_TO_EDGE"]]) {
      gl.texParameteri(gl.TEXTURE_2D, gl[`TEXTURE_${name}`], gl[value]);
    }
  }

  // The newest sheet of a video that plays.
  take(video) {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, video);
    this.size = [video.videoWidth, video.videoHeight / 2];
  }

  // For one eye; the viewport is set. Matrices column by column; presence: 1 as it is, less fades the person.
  draw({ projection, view, model, edges, presence }) {
    const { gl, where } = this;
    gl.useProgram(this.program);
    gl.bindVertexArray(this.points);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.CULL_FACE);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA); // colours are multiplied by their opacity already
    gl.uniformMatrix4fv(where.projection, false, projection);
    gl.uniformMatrix4fv(where.view, false, view);
    gl.uniformMatrix4fv(where.model, false, model);
    gl.uniform4fv(where.edges, edges);
    gl.uniform2f(where.texel, 0.5 / this.size[0], 0.25 / this.size[1]);
    gl.uniform1f(where.presence, presence);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.bindVertexArray(null);
  }
}
