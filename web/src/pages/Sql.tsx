// The sql page.

export default function Sql() {
  return <h1>Sql</h1>;
}
