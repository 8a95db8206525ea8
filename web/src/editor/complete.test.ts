import { describe, expect, it } from 'vitest';
import { columnOffers, macroOffers, tableOffers } from './complete';

const column = (name: string) => ({ name, type: 'String', comment: '' });
const schema = {
  databases: [
    { name: 'shop', tables: [{ name: 'orders', engine: 'x', columns: [column('id'), column('total paid')] }, { name: 'users', engine: 'x', columns: [column('email')] }] },
    { name: 'my-db', tables: [{ name: 'a`b', engine: 'x', columns: [] }] },
  ],
};

describe('completion', () => {
  it('offers tables by their bare names, and writes where they are', () => {
    expect(tableOffers(schema).map(({ label, apply }) => [label, apply])).toEqual([
      ['orders', 'shop.orders'],
      ['users', 'shop.users'],
      ['a`b', '`my-db`.`a\\`b`'],
    ]);
  });

  it('offers the columns of the tables that the text names', () => {
    expect(columnOffers(schema, 'SELECT  FROM shop.orders o').map(({ label, apply }) => [label, apply])).toEqual([
      ['id', 'id'],
      ['total paid', '`total paid`'],
    ]);
    expect(columnOffers(schema, 'SELECT 1')).toEqual([]);
  });

  it('opens the bracket of macros that take a column', () => {
    const apply = Object.fromEntries(macroOffers().map((offer) => [offer.label, offer.apply]));
    expect(apply).toMatchObject({ $__timeFilter: '$__timeFilter(', $__fromTime: '$__fromTime', $__interval_s: '$__interval_s' });
  });
});
