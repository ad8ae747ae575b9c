// Circles that overlap moved apart on a map with room for them, so that each can be pointed at.
const ROUNDS = 24;
const GAP_PX = 1;
const MOST_PX = 18; // from its place: a circle further away would stand for another one

// New points by id of the circles {id, x, y, radius} that had to move; in order, so that the result is the same each time.
export function spreadOf(circles) {
  const moved = circles.map(({ id, x, y, radius }) => ({ id, x, y, radius, from: { x, y } }));
  for (let round = 0; round < ROUNDS; round += 1) {
    let isApart = true;
    moved.forEach((one, place) => {
      for (const other of moved.slice(place + 1)) isApart = parted(one, other) && isApart;
    });
    if (isApart) break;
  }
  return Object.fromEntries(moved.filter(({ x, y, from }) => x !== from.x || y !== from.y).map(({ id, x, y }) => [id, { x, y }]));
}

// Whether two circles lie apart; else each goes half of the way that is missing.
function parted(one, other) {
  const [dx, dy] = [other.x - one.x, other.y - one.y];
  const distance = Math.hypot(dx, dy);
  const missing = one.radius + other.radius + GAP_PX - distance;
  if (missing <= 0.05) return true;
  const [ux, uy] = distance > 0.01 ? [dx / distance, dy / distance] : [1, 0];
  push(one, -ux * missing / 2, -uy * missing / 2);
  push(other, ux * missing / 2, uy * missing / 2);
  return false;
}

function push(circle, dx, dy) {
  const [x, y] = [circle.x + dx - circle.from.x, circle.y + dy - circle.from.y];
  const share = Math.min(1, MOST_PX / Math.max(Math.hypot(x, y), 0.01));
  [circle.x, circle.y] = [circle.from.x + x * share, circle.from.y + y * share];
}
