/** FNV-1a, then mixed, so that names that differ in their last letter differ in all bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/**
 * The `count` of `names` that the key falls to: the same for everybody who knows the same names, and little changes when
 * one comes or goes. Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998.
 */
export const rendezvous = (key: string, names: readonly string[], count: number): readonly string[] =>
  names
    .map((name) => ({ name, weight: hash(`${key}\u0000${name}`) }))
    .sort((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : 1))
    .slice(0, count)
    .map(({ name }) => name);
