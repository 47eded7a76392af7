"""Microsoft.Logic: Logic Apps on the Consumption plan, whose workflows really run."""
