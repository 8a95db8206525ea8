// Whether the user is an editor, for code outside of React: menus and keys. The dashboard page keeps it up to date.
let allowed = false;

export const mayEdit = () => allowed;
export const setMayEdit = (next: boolean) => {
  allowed = next;
};
