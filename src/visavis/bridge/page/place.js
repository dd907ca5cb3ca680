// Where the person stands in the room: pure geometry. Metres; x to the right, y up, z towards the viewer at the start, as WebXR has it.

const DISTANCE = 1.2; // from the viewer's eyes to the person's
const [NEAREST, FARTHEST] = [0.5, 6];
const EYES_HIGH = [1.1, 1.8]; // where the floor is known
const MOUTH_BELOW_EYES = 0.068;

// The way a viewer or a hand looks, from the matrix (column by column) of its pose.
export const lookOf = (matrix) => [-matrix[8], -matrix[9], -matrix[10]];

// In front of the viewer, eye to eye. viewer: matrix of the pose; floor: whether y = 0 is the floor.
export function before(viewer, floor) {
  const [x, y, z] = [viewer[12], viewer[13], viewer[14]];
  const [dx, dz] = level(lookOf(viewer)) ?? level([viewer[4], 0, viewer[6]]) ?? [0, -1]; // looking straight down or up: where the crown of the head points
  const eyes = floor ? Math.min(Math.max(y, EYES_HIGH[0]), EYES_HIGH[1]) : y;
  return [x + dx * DISTANCE, eyes, z + dz * DISTANCE];
}

// Where a ray that selects puts the person: on the floor where it meets it, otherwise as far away as before but in its direction.
export function pointed(ray, viewer, person, floor) {
  const [ox, oy, oz] = [ray[12], ray[13], ray[14]];
  const look = lookOf(ray);
  const [vx, vz] = [viewer[12], viewer[14]];
  let [x, z] = [person[0], person[2]];
  if (floor && look[1] < -0.05) {
    const far = oy / -look[1];
    [x, z] = [ox + look[0] * far, oz + look[2] * far];
  } else {
    const away = Math.hypot(x - vx, z - vz);
    const [dx, dz] = level(look) ?? [0, 0];
    [x, z] = [ox + dx * away, oz + dz * away];
  }
  const [dx, dz, away] = [x - vx, z - vz, Math.hypot(x - vx, z - vz)];
  if (away < 1e-6) return person;
  const kept = Math.min(Math.max(away, NEAREST), FARTHEST) / away;
  return [vx + dx * kept, person[1], vz + dz * kept];
}

// How far the person is turned about the vertical to face the viewer, radians; 0 faces +z.
export const facing = (person, viewer) => Math.atan2(viewer[12] - person[0], viewer[14] - person[2]);

// Left, right, bottom and top of the picture beside the point between the eyes, at life size. person: of the bridge; [width, height] in pixels.
export function lifeSize({ eyes, pixels_per_metre }, [width, height]) {
  const [x, y] = [eyes[0] + 0.5, eyes[1] + 0.5];
  return [-x, width - x, y - height, y].map((pixels) => pixels / pixels_per_metre);
}

// The matrix (column by column) that turns the picture to the viewer and puts it where the person is.
export function standing(person, turn) {
  const [s, c] = [Math.sin(turn), Math.cos(turn)];
  return new Float32Array([c, 0, -s, 0, 0, 1, 0, 0, s, 0, c, 0, ...person, 1]);
}

export const mouthOf = ([x, y, z]) => [x, y - MOUTH_BELOW_EYES, z];

function level([x, , z]) {
  const length = Math.hypot(x, z);
  return length > 0.15 ? [x / length, z / length] : null;
}
