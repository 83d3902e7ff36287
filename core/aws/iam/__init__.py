"""What an account may and needs: policies, the role, and a template that makes both."""
