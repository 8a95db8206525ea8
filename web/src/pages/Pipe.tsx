// The pipe page.

export default function Pipe() {
  return <h1>Pipe</h1>;
}
